// Karpenter, and the kwok provider that comes with it as the cloud: nodes are objects, and nothing runs on them. What
// that provider leaves out is added here. A node comes first and its GPU later, as with a device plugin; a way of buying
// may be out of stock; and a failed GPU is a reason for repair, as with AWS. All of it is read from the JSON file that
// CLOUD_FILE names whenever it matters, so that it can change while this runs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
	"sigs.k8s.io/karpenter/pkg/scheduling"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const gpus = corev1.ResourceName("nvidia.com/gpu")

// What the file says. GPUAfterS: seconds from a node's first sight until its GPU can be allocated; below zero, never.
// OutOfStock: values of karpenter.sh/capacity-type. RepairAfterS: how long a failed GPU is borne. Taint: a key that new
// nodes carry of which their NodePool says nothing, as a machine's own start script may do it; mostly empty.
type cloud struct {
	GPUAfterS    float64  `json:"gpu_after_s"`
	OutOfStock   []string `json:"out_of_stock"`
	RepairAfterS float64  `json:"repair_after_s"`
	Taint        string   `json:"taint"`
}

func read() (cloud, error) {
	said := cloud{}
	text, err := os.ReadFile(os.Getenv("CLOUD_FILE"))
	if err != nil {
		return said, err
	}
	return said, json.Unmarshal(text, &said)
}

// Nodes are created through this without their GPU, which is added when it is time.
type late struct{ client.Client }

func (c late) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	node, is := object.(*corev1.Node)
	if !is {
		return c.Client.Create(ctx, object, options...)
	}
	count, has := node.Status.Allocatable[gpus]
	if !has {
		return c.Client.Create(ctx, node, options...)
	}
	bare := node.DeepCopy()
	delete(bare.Status.Allocatable, gpus)
	delete(bare.Status.Capacity, gpus)
	said, err := read()
	if err != nil {
		return err
	}
	if said.Taint != "" {
		bare.Spec.Taints = append(bare.Spec.Taints, corev1.Taint{
			Key: said.Taint, Value: "awaited", Effect: corev1.TaintEffectNoSchedule,
		})
	}
	if err := c.Client.Create(ctx, bare, options...); err != nil {
		return err
	}
	// The caller's context ends with its call.
	if said.GPUAfterS >= 0 {
		go c.plugIn(context.WithoutCancel(ctx), bare.Name, count, seconds(said.GPUAfterS))
	}
	return nil
}

func (c late) plugIn(ctx context.Context, name string, count resource.Quantity, after time.Duration) {
	time.Sleep(after)
	node := &corev1.Node{}
	node.Name = name
	offers := map[corev1.ResourceName]resource.Quantity{gpus: count}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"allocatable": offers, "capacity": offers}})
	if err == nil {
		err = c.Client.Status().Patch(ctx, node, client.RawPatch("application/merge-patch+json", patch))
	}
	if client.IgnoreNotFound(err) != nil {
		log.FromContext(ctx).Error(err, "no GPU for a node", "node", name)
	}
}

type stock struct{ *kwok.CloudProvider }

func (c stock) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	said, err := read()
	if err != nil {
		return nil, err
	}
	wanted := scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)
	ways := wanted.Get(v1.CapacityTypeLabelKey)
	if !slices.ContainsFunc([]string{v1.CapacityTypeSpot, v1.CapacityTypeOnDemand}, func(way string) bool {
		return ways.Has(way) && !slices.Contains(said.OutOfStock, way)
	}) {
		return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("out of stock: %v", said.OutOfStock))
	}
	return c.CloudProvider.Create(ctx, claim)
}

func (c stock) GetInstanceTypes(ctx context.Context, pool *v1.NodePool) ([]*cloudprovider.InstanceType, error) {
	said, err := read()
	if err != nil {
		return nil, err
	}
	all, err := c.CloudProvider.GetInstanceTypes(ctx, pool)
	if err != nil {
		return nil, err
	}
	offered := make([]*cloudprovider.InstanceType, 0, len(all))
	for _, each := range all {
		now := &cloudprovider.InstanceType{
			Name: each.Name, Requirements: each.Requirements, Capacity: each.Capacity, Overhead: each.Overhead,
		}
		for _, offering := range each.Offerings {
			way := offering.Requirements.Get(v1.CapacityTypeLabelKey).Any()
			now.Offerings = append(now.Offerings, &cloudprovider.Offering{
				Requirements: offering.Requirements,
				Price:        offering.Price,
				Available:    !slices.Contains(said.OutOfStock, way),
			})
		}
		offered = append(offered, now)
	}
	return offered, nil
}

// The condition that EKS's node monitoring agent sets, as the AWS provider has it.
func (c stock) RepairPolicies() []cloudprovider.RepairPolicy {
	said, err := read()
	if err != nil {
		return nil
	}
	return []cloudprovider.RepairPolicy{{
		ConditionType:      "AcceleratedHardwareReady",
		ConditionStatus:    corev1.ConditionFalse,
		TolerationDuration: seconds(said.RepairAfterS),
	}}
}

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }

func main() {
	ctx, op := operator.NewOperator()
	types, err := kwok.ConstructInstanceTypes(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "INSTANCE_TYPES_FILE_PATH cannot be read")
		os.Exit(1)
	}
	bare := stock{kwok.NewCloudProvider(ctx, late{op.GetClient()}, types)}
	provider := overlay.Decorate(bare, op.GetClient(), op.InstanceTypeStore)
	op.WithControllers(ctx, controllers.NewControllers(
		ctx, op.Manager, op.Clock, op.GetClient(), op.EventRecorder, provider, bare,
		state.NewCluster(op.Clock, op.GetClient(), provider), op.InstanceTypeStore,
	)...).Start(ctx)
}
