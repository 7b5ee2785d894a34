// Command franz writes records with franz-go to assigned partitions in each codec, reads them back and compares: keys, values,
// headers, time stamps and offsets. Idempotence is on, its default, but for snappy. It is built and run by tests/suites/interop/72-franz-go.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	partitions = 3
	count      = 4000
)

var failed, passed int

func run(name string, work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	began := time.Now()
	if err := work(ctx); err != nil {
		failed++
		fmt.Printf("FAILED  franz-go: %s (%.1f s)\n        %v\n", name, time.Since(began).Seconds(), err)
		return
	}
	passed++
	fmt.Printf("ok      franz-go: %s (%.1f s)\n", name, time.Since(began).Seconds())
}

func client(address string, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20 * time.Millisecond),
	}, more...)...)
}

func create(ctx context.Context, c *kgo.Client, topic string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, partitions, 1
	request.Topics = append(request.Topics, one)
	request.TimeoutMillis = 10000
	answer, err := request.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

func remove(ctx context.Context, c *kgo.Client, topic string) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = kmsg.StringPtr(topic)
	request.Topics, request.TopicNames, request.TimeoutMillis = append(request.Topics, one), []string{topic}, 10000
	answer, err := request.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// made is record number n of a partition: with and without key, with empty and null values, some with headers.
func made(topic string, partition int32, n int, start time.Time) *kgo.Record {
	record := &kgo.Record{
		Topic: topic, Partition: partition, Timestamp: start.Add(time.Duration(n) * time.Millisecond),
		Key: []byte(fmt.Sprintf("key-%d", n%97)), Value: bytes.Repeat([]byte(fmt.Sprintf("value %d ", n)), n%11+1),
	}
	switch n % 40 {
	case 7:
		record.Key = nil
	case 8:
		record.Value = nil
	case 9:
		record.Value = []byte{}
	case 10:
		record.Headers = []kgo.RecordHeader{{Key: "kind", Value: []byte("test")}, {Key: "kind", Value: []byte{}}}
	}
	return record
}

func produce(ctx context.Context, c *kgo.Client, topic string, start time.Time) error {
	var records []*kgo.Record
	for n := 0; n < count; n++ {
		for p := int32(0); p < partitions; p++ {
			records = append(records, made(topic, p, n, start))
		}
	}
	results := c.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return err
	}
	for n := 0; n < count; n++ {
		for p := 0; p < partitions; p++ {
			if got := records[n*partitions+p].Offset; got != int64(n) {
				return fmt.Errorf("record %d of partition %d was answered offset %d", n, p, got)
			}
		}
	}
	return nil
}

func same(got, want *kgo.Record) bool {
	if (got.Key == nil) != (want.Key == nil) || (got.Value == nil) != (want.Value == nil) || len(got.Headers) != len(want.Headers) {
		return false
	}
	for i := range got.Headers {
		if got.Headers[i].Key != want.Headers[i].Key || !bytes.Equal(got.Headers[i].Value, want.Headers[i].Value) {
			return false
		}
	}
	return bytes.Equal(got.Key, want.Key) && bytes.Equal(got.Value, want.Value) && got.Timestamp.Equal(want.Timestamp)
}

// consume reads all partitions from the offset to the end and compares.
func consume(ctx context.Context, address, topic string, start time.Time, from kgo.Offset, first int) error {
	assigned := map[int32]kgo.Offset{}
	for p := int32(0); p < partitions; p++ {
		assigned[p] = from
	}
	options := []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assigned})}
	if topic == "franz-zstd" {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	c, err := client(address, options...)
	if err != nil {
		return err
	}
	defer c.Close()
	next := make([]int, partitions)
	for p := range next {
		next[p] = first
	}
	for total := (count - first) * partitions; total > 0; {
		fetches := c.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("%v, %d records missing", errs[0].Err, total)
		}
		for _, record := range fetches.Records() {
			p := record.Partition
			if record.Offset != int64(next[p]) || !same(record, made(topic, p, next[p], start)) {
				return fmt.Errorf("partition %d: record %+v instead of number %d", p, record, next[p])
			}
			next[p]++
			total--
		}
	}
	return nil
}

func cases(address string) error {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	start := time.UnixMilli(time.Now().Add(-time.Hour).UnixMilli())
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		topic := "franz-" + name
		options := []kgo.Opt{kgo.ProducerBatchCompression(codecs[name])}
		if name == "snappy" {
			options = append(options, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.AllISRAcks()))
		}
		c, err := client(address, options...)
		if err != nil {
			return err
		}
		run("create a topic and produce, "+name, func(ctx context.Context) error {
			if err := create(ctx, c, topic); err != nil {
				return err
			}
			return produce(ctx, c, topic, start)
		})
		run("consume assigned partitions, "+name, func(ctx context.Context) error {
			return consume(ctx, address, topic, start, kgo.NewOffset().AtStart(), 0)
		})
		run("consume from an offset, "+name, func(ctx context.Context) error {
			return consume(ctx, address, topic, start, kgo.NewOffset().At(count-700), count-700)
		})
		run("consume from a time stamp, "+name, func(ctx context.Context) error {
			at := start.Add(1500 * time.Millisecond).UnixMilli()
			return consume(ctx, address, topic, start, kgo.NewOffset().AfterMilli(at), 1500)
		})
		c.Close()
	}
	c, err := client(address)
	if err != nil {
		return err
	}
	defer c.Close()
	run("a topic that exists, and deleting", func(ctx context.Context) error {
		if err := create(ctx, c, "franz-lz4"); err != kerr.TopicAlreadyExists {
			return fmt.Errorf("creating it again: %v", err)
		}
		if err := remove(ctx, c, "franz-lz4"); err != nil {
			return err
		}
		if err := remove(ctx, c, "franz-lz4"); err != kerr.UnknownTopicOrPartition {
			return fmt.Errorf("deleting it again: %v", err)
		}
		return nil
	})
	return nil
}

func main() {
	if err := cases(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
