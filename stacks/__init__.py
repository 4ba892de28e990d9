"""From a stack file to resources: the only place that reads Pulumi's configuration and makes providers."""
