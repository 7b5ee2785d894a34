// Command member is a member of consumer groups: ADDRESS INSTANCE GROUP=ASSIGNOR=TOPIC... (INSTANCE "-": none; TOPIC "~...": an
// expression). What it prints is told in tests/clients/group_life.py.
// It is built and run by tests/suites/interop/72-franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var balancers = map[string]func() kgo.GroupBalancer{
	"range":              kgo.RangeBalancer,
	"roundrobin":         kgo.RoundRobinBalancer,
	"sticky":             kgo.StickyBalancer,
	"cooperative-sticky": kgo.CooperativeStickyBalancer,
}

var output sync.Mutex

func tell(words ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Println(words...)
}

// tellAll tells what is assigned ("+") or given up ("-").
func tellAll(kind, group string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
		for topic, partitions := range places {
			for _, partition := range partitions {
				tell(kind, group, topic, partition, time.Now().UnixMilli())
			}
		}
	}
}

func member(ctx context.Context, address, instance, group, assignor, topic string) error {
	options := []kgo.Opt{
		kgo.SeedBrokers(address), kgo.ConsumerGroup(group), kgo.Balancers(balancers[assignor]()),
		kgo.HeartbeatInterval(time.Second), kgo.AutoCommitInterval(500 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.MetadataMinAge(500 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
		kgo.OnPartitionsAssigned(tellAll("+", group)), kgo.OnPartitionsRevoked(tellAll("-", group)),
		kgo.OnPartitionsLost(tellAll("-", group)), kgo.ConsumeTopics(strings.TrimPrefix(topic, "~")),
	}
	if strings.HasPrefix(topic, "~") {
		options = append(options, kgo.ConsumeRegex())
	}
	if instance == "-" {
		options = append(options, kgo.SessionTimeout(6*time.Second))
	} else { // it restarts
		options = append(options, kgo.SessionTimeout(45*time.Second), kgo.InstanceID(instance))
	}
	consumer, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer consumer.Close()
	for {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, failure := range fetches.Errors() {
			if !errors.Is(failure.Err, context.Canceled) {
				tell("error of", group, failure.Err)
			}
		}
		fetches.EachRecord(func(r *kgo.Record) { tell("r", group, r.Topic, r.Partition, r.Offset) })
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var members sync.WaitGroup
	for _, words := range os.Args[3:] {
		part := strings.Split(words, "=")
		members.Add(1)
		go func() {
			defer members.Done()
			if err := member(ctx, os.Args[1], os.Args[2], part[0], part[1], part[2]); err != nil {
				tell("Exception of", part[0], err)
			}
		}()
	}
	tell("up")
	members.Wait()
}
