// Prometheus-adapter for custom metrics alone: its own rules, queries and API server, put together here because the
// stock command is written against libraries of 2024 and also serves resource and external metrics.
package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	basecmd "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	provider "sigs.k8s.io/prometheus-adapter/pkg/custom-provider"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	base := &basecmd.AdapterBase{Name: "prometheus-adapter"}
	// The stock command's names.
	rules := base.Flags().String("config", "", "file of the rules")
	prometheus := base.Flags().String("prometheus-url", "", "where Prometheus answers")
	relist := base.Flags().Duration("metrics-relist-interval", 10*time.Minute, "how often series are listed")
	age := base.Flags().Duration("metrics-max-age", 10*time.Minute, "how old a series may be that is listed")
	must(base.Flags().Parse(os.Args))
	klog.Fatal(serve(base, *rules, *prometheus, *relist, *age))
}

func serve(base *basecmd.AdapterBase, rules, prometheus string, relist, age time.Duration) error {
	discovery, err := config.FromFile(rules)
	if err != nil {
		return err
	}
	address, err := url.Parse(prometheus)
	if err != nil {
		return err
	}
	mapper, err := base.RESTMapper()
	if err != nil {
		return err
	}
	objects, err := base.DynamicClient()
	if err != nil {
		return err
	}
	namers, err := naming.NamersFromConfig(discovery.Rules, mapper)
	if err != nil {
		return err
	}
	asked := client.NewClientForAPI(untimed{client.NewGenericAPIClient(http.DefaultClient, address, nil)}, http.MethodGet)
	stop := genericapiserver.SetupSignalContext()
	metrics, listing := provider.NewPrometheusProvider(mapper, objects, asked, namers, relist, age)
	listing.RunUntil(stop.Done())
	base.WithCustomMetrics(metrics)
	return base.Run(stop)
}

// untimed asks Prometheus without a time-out of its own, which timeoutFromContext of the adapter's client computes with
// the wrong sign, and Prometheus refuses. The request's own deadline ends the call all the same.
type untimed struct{ client.GenericAPIClient }

func (u untimed) Do(ctx context.Context, verb, endpoint string, query url.Values) (client.APIResponse, error) {
	query.Del("timeout")
	return u.GenericAPIClient.Do(ctx, verb, endpoint, query)
}

func must(err error) {
	if err != nil {
		klog.Fatal(err)
	}
}
