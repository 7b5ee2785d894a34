// Command member is a member of consumer groups: ADDRESS GROUP=ASSIGNOR=TOPIC... What it prints is told in tests/clients/group_life.py.
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

func member(ctx context.Context, address, group, assignor, topic string) error {
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(balancers[assignor]()),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second), kgo.AutoCommitInterval(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.OnPartitionsAssigned(tellAll("+", group)), kgo.OnPartitionsRevoked(tellAll("-", group)),
		kgo.OnPartitionsLost(tellAll("-", group)))
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
	for _, words := range os.Args[2:] {
		part := strings.Split(words, "=")
		members.Add(1)
		go func() {
			defer members.Done()
			if err := member(ctx, os.Args[1], part[0], part[1], part[2]); err != nil {
				tell("Exception of", part[0], err)
			}
		}()
	}
	tell("up")
	members.Wait()
}
