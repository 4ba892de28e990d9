// kube-router's network policy controller alone. The stock program also links its router and its service proxy, with
// a BGP server and clients of clouds and container engines, and watches what those need.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// The controller writes its rules when something that it watches changes. A writing that failed is done again only
// at the next change or after this.
const again = time.Minute

const soon = 200 * time.Millisecond

func main() {
	kubeconfig := flag.String("kubeconfig", "", "who this is to the API server")
	node := flag.String("node", "", "name of the Node whose pods are filtered")
	services := flag.String("services", "", "network of the Services' addresses")
	klog.InitFlags(nil)
	flag.Parse()
	if err := run(*kubeconfig, *node, *services); err != nil {
		klog.Exit(err)
	}
}

func run(kubeconfig, node, services string) error {
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return err
	}
	config := options.NewKubeRouterConfig()
	config.EnableIPv4 = true
	config.ClusterIPCIDRs = []string{services}
	config.HostnameOverride = node
	config.IPTablesSyncPeriod = again
	filters, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}

	stop := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	// The kubelet beside it may not have made its Node yet.
	err = wait.PollUntilContextCancel(context.Background(), soon, true, func(context.Context) (bool, error) {
		_, missing := client.CoreV1().Nodes().Get(context.Background(), node, metav1.GetOptions{})
		return missing == nil, nil
	})
	if err != nil {
		return err
	}
	var setsInUse sync.Mutex
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, byDirection{policies}, namespaces, &setsInUse, filters, sets)
	if err != nil {
		return err
	}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		namespaces: controller.NamespaceEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}

	// It waits until somebody takes note that it lives.
	alive := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range alive {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	go controller.Run(alive, stop, &running)

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	<-asked
	close(stop)
	running.Wait()
	return nil
}

// Policies as the controller lists them, each split into one for traffic in and one for traffic out. It asks a policy
// for both directions at once whether any of its rules matches (syncNetworkPolicyChains, setupPodNetpolRules), so that
// between two pods that the policy selects a rule for traffic in would let traffic out too.
type byDirection struct{ cache.SharedIndexInformer }

func (informer byDirection) GetIndexer() cache.Indexer {
	return split{informer.SharedIndexInformer.GetIndexer()}
}

type split struct{ cache.Indexer }

func (policies split) List() []interface{} {
	var halves []interface{}
	for _, listed := range policies.Indexer.List() {
		whole := listed.(*networking.NetworkPolicy)
		for _, direction := range whole.Spec.PolicyTypes {
			half := whole.DeepCopy()
			// No policy can have this name, so no two halves share a chain.
			half.Name += "/" + string(direction)
			half.Spec.PolicyTypes = []networking.PolicyType{direction}
			if direction == networking.PolicyTypeIngress {
				half.Spec.Egress = nil
			} else {
				half.Spec.Ingress = nil
			}
			halves = append(halves, half)
		}
	}
	return halves
}
