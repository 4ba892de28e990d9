"""Who reads and writes models in S3, and what no bucket of theirs may be; whose the numbers are is said in
test_eks_security.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_variants import BUCKET, MODELS_KEY, variant
from recorded_eks import RecordedEks, statements


def _rights_of(eks: RecordedEks, account: str) -> dict[str, Mapping[str, Any]]:
    return {
        each["Sid"]: each for each in statements(eks.named("iam/rolePolicy", f"cluster-models-{account}")["policy"])
    }


def test_a_server_reads_its_own_models_and_no_others(prod: RecordedEks) -> None:
    issuer = "oidc.eks.us-east-1.amazonaws.com/id/0123"
    for server in ("vision", "text"):
        role = prod.named("iam/role", f"cluster-models-{server}")
        assert role["name"] == f"inference-us-east-1-models-{server}"
        (trust,) = statements(role["assumeRolePolicy"])
        assert trust["Condition"] == {
            "StringEquals": {
                f"{issuer}:sub": f"system:serviceaccount:inference:{server}",
                f"{issuer}:aud": "sts.amazonaws.com",
            }
        }
        rights = _rights_of(prod, server)
        assert set(rights) == {"ListItsPart", "FindTheBucket", "ReadItsPart", "UseTheKeyInS3"}
        listing, reading = rights["ListItsPart"], rights["ReadItsPart"]
        assert (listing["Action"], listing["Resource"]) == (["s3:ListBucket"], [BUCKET])
        assert listing["Condition"]["StringLike"]["s3:prefix"] == [f"triton/{server}/", f"triton/{server}/*"]
        assert (reading["Action"], reading["Resource"]) == (["s3:GetObject"], [f"{BUCKET}/triton/{server}/*"])


def test_triton_may_ask_whether_its_bucket_is_there_and_pods_that_fetch_need_not(prod: RecordedEks) -> None:
    """HeadBucket has no prefix, and Triton gives up where it is refused (triton-inference-server/core,
    S3FileSystem::CheckClient)."""
    asks = _rights_of(prod, "vision")["FindTheBucket"]
    assert (asks["Action"], asks["Resource"]) == (["s3:ListBucket"], [BUCKET])
    assert asks["Condition"] == {"Null": {"s3:prefix": "true"}}
    assert "FindTheBucket" not in _rights_of(variant("building"), "vision")


def test_engines_are_written_by_their_builder_alone_and_nothing_else_is(assembled_models: None) -> None:
    eks = variant("building")
    rights = _rights_of(eks, "engine-builder")
    writing, key = rights["WriteItsPart"], rights["UseTheKeyInS3"]
    assert writing["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload"]
    assert writing["Resource"] == [f"{BUCKET}/triton/engines/*"]
    assert rights["ReadItsPart"]["Resource"] == [f"{BUCKET}/triton/engine-sources/*", f"{BUCKET}/triton/engines/*"]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    writers = {
        policy.name
        for policy in eks.of("iam/rolePolicy")
        for each in statements(policy.inputs["policy"])
        if any(action.startswith(("s3:Put", "s3:Delete")) for action in each["Action"])
    }
    assert writers == {"cluster-models-engine-builder"}


def test_the_models_key_is_used_through_s3_alone_and_for_this_bucket(prod: RecordedEks) -> None:
    for eks, key in (
        (prod, "arn:aws:kms:us-east-1:123456789012:cluster-models-bucket-key"),
        (variant("building"), MODELS_KEY),
    ):
        right = _rights_of(eks, "vision")["UseTheKeyInS3"]
        assert (right["Action"], right["Resource"]) == (["kms:Decrypt"], [key])
        assert right["Condition"] == {
            "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [BUCKET, f"{BUCKET}/triton/vision/*"]},
        }


def test_a_bucket_that_is_made_is_closed_to_the_public_fsbp_s3_8_cis_aws_2_1_4(prod: RecordedEks) -> None:
    closed = prod.one("s3/bucketPublicAccessBlock")
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(closed[switch] is True for switch in switches)
    assert prod.one("s3/bucketOwnershipControls")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}, "fsbp S3.12"


def test_a_bucket_that_is_made_is_reached_by_tls_alone_fsbp_s3_5_cis_aws_2_1_1(prod: RecordedEks) -> None:
    (denied,) = statements(prod.one("s3/bucketPolicy")["policy"])
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", ["s3:*"])
    assert denied["Resource"] == [BUCKET, f"{BUCKET}/*"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_that_is_made_is_encrypted_by_a_key_that_rotates_fsbp_s3_17_kms_4(prod: RecordedEks) -> None:
    for eks, key in (
        (prod, "arn:aws:kms:us-east-1:123456789012:cluster-models-bucket-key"),
        (variant("building"), MODELS_KEY),
    ):
        (rule,) = eks.one("s3/bucketServerSideEncryptionConfiguration")["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
        assert rule["bucketKeyEnabled"] is True
    made = prod.named("kms/key", "cluster-models-bucket-key")
    assert made["enableKeyRotation"] is True
    assert made["deletionWindowInDays"] == 30


def test_a_bucket_that_is_made_keeps_what_was_replaced_for_a_while_fsbp_s3_13_s3_14(prod: RecordedEks) -> None:
    assert prod.one("s3/bucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    rules = {rule["id"]: rule for rule in prod.one("s3/bucketLifecycleConfiguration")["rules"]}
    assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rules["ended-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    # What servers read is never removed by age.
    assert not any("days" in rule.get("expiration", {}) for rule in rules.values())
    assert prod.one("s3/bucket")["forceDestroy"] is False


def test_a_bucket_that_is_there_is_left_alone_and_so_is_a_named_role(assembled_models: None) -> None:
    given = variant("given")
    assert not [one for one in given.resources if one.type.startswith("aws:s3/")]
    assert not [role for role in given.of("iam/role") if "models" in role.name]
