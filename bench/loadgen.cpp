// clang-format off
// loadgen: a librdkafka load generator that also charges the broker's CPU time.
// loadgen produce  BROKER TOPIC N SIZE PID [key=value...]
// loadgen consume  BROKER TOPIC N PID [key=value...]
// loadgen e2e      BROKER TOPIC RATE SECONDS SIZE PID [key=value...]
// loadgen gap      BROKER TOPIC RATE SECONDS [key=value...]   longest time without an ack; what was lost or duplicated
// loadgen create   BROKER TOPIC PARTITIONS                    creates the topic (no error if it is there)
// loadgen commit   BROKER GROUP COMMITS PID [key=value...]    synchronous offset commits of one group, as fast as they go
// assign=N among the key=value pairs: consume partitions 0..N-1 without a group.
// PID (comma list allowed, 0 for none): the broker processes whose CPU seconds are charged.
// Build: g++ -O2 -std=c++20 loadgen.cpp -o loadgen -lrdkafka -lpthread
// clang-format on
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;
static double now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

static double cpu_of(const std::string& pids) {
  double total = 0;
  std::stringstream ss(pids);
  std::string p;
  while (std::getline(ss, p, ',')) {
    if (p == "0") continue;
    std::ifstream f("/proc/" + p + "/stat");
    std::string s((std::istreambuf_iterator<char>(f)), {});
    auto r = s.rfind(')');
    if (r == std::string::npos) continue;
    std::stringstream t(s.substr(r + 2));
    std::string x;
    std::vector<std::string> v;
    while (t >> x) v.push_back(x);
    if (v.size() > 12) total += (atof(v[11].c_str()) + atof(v[12].c_str())) / sysconf(_SC_CLK_TCK);
  }
  return total;
}
static long rss_kb(const std::string& pids) {
  long total = 0;
  std::stringstream ss(pids);
  std::string p, l;
  while (std::getline(ss, p, ',')) {
    std::ifstream f("/proc/" + p + "/status");
    while (std::getline(f, l))
      if (l.rfind("VmRSS:", 0) == 0) total += atol(l.c_str() + 6);
  }
  return total;
}
static double self_cpu() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_utime.tv_usec / 1e6 + u.ru_stime.tv_sec +
         u.ru_stime.tv_usec / 1e6;
}
static int assign_partitions =
    0;  // assign=N: explicit partitions 0..N-1 instead of a consumer group
static void take(rd_kafka_t* rk, const char* topic, bool from_end) {
  auto* l = rd_kafka_topic_partition_list_new(1);
  if (!assign_partitions) {
    rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, l);
  } else {
    for (int p = 0; p < assign_partitions; p++)
      rd_kafka_topic_partition_list_add(l, topic, p)->offset =
          from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, l);
  }
  rd_kafka_topic_partition_list_destroy(l);
}
static rd_kafka_conf_t* conf(const char* broker, int argc, char** argv, int from) {
  auto* c = rd_kafka_conf_new();
  char err[512];
  auto set = [&](const char* k, const char* v) {
    if (rd_kafka_conf_set(c, k, v, err, sizeof err) != RD_KAFKA_CONF_OK) {
      fprintf(stderr, "%s\n", err);
      exit(2);
    }
  };
  set("bootstrap.servers", broker);
  for (int i = from; i < argc; i++) {
    std::string a = argv[i];
    auto e = a.find('=');
    if (a.rfind("assign=", 0) == 0) {
      assign_partitions = atoi(a.c_str() + 7);
      continue;
    }
    set(a.substr(0, e).c_str(), a.substr(e + 1).c_str());
  }
  return c;
}
static std::atomic<long> done{0}, failed{0};
static std::vector<float> lat;  // seconds, only the poll thread writes
static void dr(rd_kafka_t*, const rd_kafka_message_t* m, void*) {
  if (m->err)
    failed++;
  else {
    done++;
    lat.push_back(rd_kafka_message_latency(m) / 1e6);
  }
}
static void pct(std::vector<float>& v, const char* what) {
  if (v.empty()) return;
  std::sort(v.begin(), v.end());
  auto q = [&](double p) { return v[std::min(v.size() - 1, size_t(p * v.size()))] * 1e3; };
  printf("%s_ms p50=%.3f p99=%.3f p999=%.3f max=%.3f\n", what, q(.5), q(.99), q(.999),
         v.back() * 1e3);
}
static void summary(const char* what, long n, double bytes, double secs, double bcpu, double ccpu,
                    const std::string& pid) {
  printf(
      "%s n=%ld secs=%.3f msgs_s=%.0f MB_s=%.1f broker_cpu_s=%.2f broker_cpu_us_per_msg=%.3f "
      "broker_cpu_s_per_GB=%.3f client_cpu_s=%.2f rss_kb=%ld failed=%ld\n",
      what, n, secs, n / secs, bytes / secs / 1e6, bcpu, bcpu / n * 1e6, bcpu / (bytes / 1e9), ccpu,
      rss_kb(pid), failed.load());
}
int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: see the head of loadgen.cpp\n");
    return 2;
  }
  std::string mode = argv[1];
  const char *broker = argv[2], *topic = argv[3];
  char err[512];
  if (mode == "produce") {
    long n = atol(argv[4]);
    int size = atoi(argv[5]);
    std::string pid = argv[6];
    auto* c = conf(broker, argc, argv, 7);
    rd_kafka_conf_set_dr_msg_cb(c, dr);
    auto* rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, err, sizeof err);
    if (!rk) {
      fprintf(stderr, "%s\n", err);
      return 2;
    }
    lat.reserve(n);
    auto* t = rd_kafka_topic_new(rk, topic, nullptr);
    std::vector<char> payload(size);
    for (int i = 0; i < size; i++)
      payload[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(i * 7 + i / 36) % 36];
    const rd_kafka_metadata_t* md;
    rd_kafka_metadata(rk, 0, t, &md, 10000);
    rd_kafka_metadata_destroy(md);
    double b0 = cpu_of(pid), c0 = self_cpu(), t0 = now();
    for (long i = 0; i < n; i++) {
      memcpy(payload.data(), &i, std::min<size_t>(8, size));
      while (rd_kafka_produce(t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload.data(), size,
                              nullptr, 0, nullptr) == -1)
        rd_kafka_poll(rk, 10);
      if ((i & 127) == 0) rd_kafka_poll(rk, 0);
    }
    while (done + failed < n) rd_kafka_poll(rk, 100);
    double t1 = now();
    summary("produce", done, double(done) * size, t1 - t0, cpu_of(pid) - b0, self_cpu() - c0, pid);
    pct(lat, "ack");
    return failed ? 1 : 0;
  }
  if (mode == "consume") {
    long n = atol(argv[4]);
    std::string pid = argv[5];
    auto* c = conf(broker, argc, argv, 6);
    rd_kafka_conf_set(c, "group.id", ("lg-" + std::to_string(getpid())).c_str(), err, sizeof err);
    rd_kafka_conf_set(c, "auto.offset.reset", "earliest", err, sizeof err);
    auto* rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, err, sizeof err);
    if (!rk) {
      fprintf(stderr, "%s\n", err);
      return 2;
    }
    rd_kafka_poll_set_consumer(rk);
    double ts = now();
    take(rk, topic, false);
    double b0 = 0, c0 = 0, t0 = 0, bytes = 0;
    long got = 0;
    auto* q = rd_kafka_queue_get_consumer(rk);
    std::vector<rd_kafka_message_t*> batch(5000);
    double last = now();
    while (got < n) {
      auto k = rd_kafka_consume_batch_queue(q, 1000, batch.data(), batch.size());
      for (ssize_t i = 0; i < k; i++) {
        if (!batch[i]->err) {
          if (!got) {
            b0 = cpu_of(pid);
            c0 = self_cpu();
            t0 = now();
            printf("first_msg_after_s=%.3f\n", t0 - ts);
          }
          got++;
          bytes += batch[i]->len;
        }
        rd_kafka_message_destroy(batch[i]);
      }
      if (k > 0) last = now();
      if (now() - last > 30) {
        printf("stalled at %ld\n", got);
        break;
      }
    }
    double t1 = now();
    summary("consume", got, bytes, t1 - t0, cpu_of(pid) - b0, self_cpu() - c0, pid);
    return got < n;
  }
  if (mode == "e2e") {
    double rate = atof(argv[4]), secs = atof(argv[5]);
    int size = std::max(8, atoi(argv[6]));
    std::string pid = argv[7];
    auto* pc = conf(broker, argc, argv, 8);
    rd_kafka_conf_set_dr_msg_cb(pc, dr);
    auto* prod = rd_kafka_new(RD_KAFKA_PRODUCER, pc, err, sizeof err);
    auto* cc = rd_kafka_conf_new();
    rd_kafka_conf_set(cc, "bootstrap.servers", broker, err, sizeof err);
    rd_kafka_conf_set(cc, "group.id", ("e2e-" + std::to_string(getpid())).c_str(), err, sizeof err);
    rd_kafka_conf_set(cc, "auto.offset.reset", "latest", err, sizeof err);
    rd_kafka_conf_set(cc, "fetch.wait.max.ms", "500", err, sizeof err);
    auto* cons = rd_kafka_new(RD_KAFKA_CONSUMER, cc, err, sizeof err);
    if (!prod || !cons) {
      fprintf(stderr, "%s\n", err);
      return 2;
    }
    rd_kafka_poll_set_consumer(cons);
    take(cons, topic, true);
    std::atomic<bool> stop{false};
    std::atomic<long> got{0};
    std::vector<float> e2e;
    e2e.reserve(rate * secs * 1.2);
    double warm = 3;
    std::atomic<double> measure_from{1e18};
    std::thread ct([&] {
      while (!stop) {
        auto* m = rd_kafka_consumer_poll(cons, 50);
        if (!m) continue;
        if (!m->err && m->len >= 8) {
          double s;
          memcpy(&s, m->payload, 8);
          got++;
          if (s >= measure_from) e2e.push_back(now() - s);
        }
        rd_kafka_message_destroy(m);
      }
    });
    auto* t = rd_kafka_topic_new(prod, topic, nullptr);
    std::vector<char> payload(size, 'x');
    std::this_thread::sleep_for(std::chrono::seconds(5));
    double t0 = now(), b0 = 0, c0 = 0;
    measure_from = t0 + warm;
    long sent = 0, sent_measured = 0;
    bool started = false;
    while (now() - t0 < warm + secs) {
      if (!started && now() - t0 >= warm) {
        started = true;
        b0 = cpu_of(pid);
        c0 = self_cpu();
        sent_measured = sent;
      }
      double due = t0 + sent / rate, d = due - now();
      if (d > 0) {
        rd_kafka_poll(prod, 0);
        if (d > 1e-4) std::this_thread::sleep_for(std::chrono::duration<double>(std::min(d, 1e-3)));
        continue;
      }
      double s = now();
      memcpy(payload.data(), &s, 8);
      if (rd_kafka_produce(t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload.data(), size,
                           nullptr, 0, nullptr) == 0)
        sent++;
      else
        rd_kafka_poll(prod, 10);
    }
    double b1 = cpu_of(pid), c1 = self_cpu();
    rd_kafka_flush(prod, 10000);
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    stop = true;
    ct.join();
    summary("e2e", sent - sent_measured, double(sent - sent_measured) * size, secs, b1 - b0,
            c1 - c0, pid);
    printf("sent=%ld received=%ld\n", sent, got.load());
    pct(lat, "ack");
    pct(e2e, "e2e");
    return failed || got < sent;
  }
  if (mode == "create") {
    auto* rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf(broker, argc, argv, argc), err, sizeof err);
    auto* t = rd_kafka_NewTopic_new(topic, atoi(argv[4]), -1, err, sizeof err);
    auto* o = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(o, 15000, err, sizeof err);
    auto* q = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &t, 1, o, q);
    auto* e = rd_kafka_queue_poll(q, 20000);
    if (!e || rd_kafka_event_error(e)) {
      fprintf(stderr, "create: %s\n", e ? rd_kafka_event_error_string(e) : "no answer");
      return 1;
    }
    size_t n;
    auto** r = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(e), &n);
    auto code = rd_kafka_topic_result_error(r[0]);
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      fprintf(stderr, "create: %s\n", rd_kafka_err2str(code));
      return 1;
    }
    return 0;
  }
  if (mode == "commit") {
    long n = atol(argv[4]);
    std::string pid = argv[5];
    auto* c = conf(broker, argc, argv, 6);
    rd_kafka_conf_set(c, "group.id", argv[3], err, sizeof err);
    auto* rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, err, sizeof err);
    if (!rk) {
      fprintf(stderr, "%s\n", err);
      return 2;
    }
    auto* t = rd_kafka_topic_new(rk, "committed",
                                 nullptr);  // must exist: loadgen create BROKER committed 1
    const rd_kafka_metadata_t* md;
    if (!rd_kafka_metadata(rk, 0, t, &md, 10000)) rd_kafka_metadata_destroy(md);
    double b0 = 0, c0 = 0, t0 = 0;
    for (long i = 0; i <= n; i++) {  // the first one finds the coordinator
      if (i == 1) {
        b0 = cpu_of(pid);
        c0 = self_cpu();
        t0 = now();
      }
      auto* l = rd_kafka_topic_partition_list_new(1);
      rd_kafka_topic_partition_list_add(l, "committed", 0)->offset = i;
      auto e = rd_kafka_commit(rk, l, 0);
      if (e) {
        fprintf(stderr, "commit %ld: %s\n", i, rd_kafka_err2str(e));
        return 1;
      }
      rd_kafka_topic_partition_list_destroy(l);
    }
    summary("commit", n, double(n), now() - t0, cpu_of(pid) - b0, self_cpu() - c0, pid);
    return 0;
  }
  if (mode == "gap") {  // loadgen gap BROKER TOPIC RATE SECONDS [key=value...]: longest time
                        // without an ack, and lost records
    double rate = atof(argv[4]), secs = atof(argv[5]);
    auto* c = conf(broker, argc, argv, 6);
    struct G {
      double last = 0, gap = 0, at = 0;
      std::vector<char> acked;
    } g;
    g.last = now();
    rd_kafka_conf_set_opaque(c, &g);
    rd_kafka_conf_set_dr_msg_cb(c, [](rd_kafka_t*, const rd_kafka_message_t* m, void* o) {
      auto& g = *static_cast<G*>(o);
      if (m->err) {
        failed++;
        return;
      }
      double t = now();
      done++;
      if (t - g.last > g.gap) {
        g.gap = t - g.last;
        g.at = t;
      }
      g.last = t;
      long i;
      memcpy(&i, m->payload, 8);
      if (size_t(i) < g.acked.size()) g.acked[i] = 1;
    });
    auto* rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, err, sizeof err);
    auto* t = rd_kafka_topic_new(rk, topic, nullptr);
    g.acked.assign(size_t(rate * secs) + 16, 0);
    double t0 = now();
    long sent = 0;
    while (now() - t0 < secs) {
      double due = t0 + sent / rate, d = due - now();
      rd_kafka_poll(rk, 0);
      if (d > 0) {
        std::this_thread::sleep_for(std::chrono::duration<double>(std::min(d, 1e-3)));
        continue;
      }
      if (rd_kafka_produce(t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, &sent, 8, nullptr, 0,
                           nullptr) == 0)
        sent++;
    }
    rd_kafka_flush(rk, 60000);
    printf("gap sent=%ld acked=%ld failed=%ld longest_gap_s=%.3f ended_at_s=%.3f\n", sent,
           done.load(), failed.load(), g.gap, g.at - t0);
    auto* cc = conf(broker, argc, argv, argc);
    rd_kafka_conf_set(cc, "group.id", ("gap-" + std::to_string(getpid())).c_str(), err, sizeof err);
    rd_kafka_conf_set(cc, "auto.offset.reset", "earliest", err, sizeof err);
    rd_kafka_conf_set(cc, "enable.partition.eof", "true", err, sizeof err);
    auto* cons = rd_kafka_new(RD_KAFKA_CONSUMER, cc, err, sizeof err);
    rd_kafka_poll_set_consumer(cons);
    take(cons, topic, false);
    std::vector<int> seen(g.acked.size(), 0);
    double last = now();
    long got = 0;
    while (now() - last < 8) {
      auto* m = rd_kafka_consumer_poll(cons, 200);
      if (!m) continue;
      if (!m->err && m->len == 8) {
        long i;
        memcpy(&i, m->payload, 8);
        if (size_t(i) < seen.size()) seen[i]++;
        got++;
        last = now();
      }
      rd_kafka_message_destroy(m);
    }
    long lost = 0, dup = 0;
    for (size_t i = 0; i < seen.size(); i++) {
      if (g.acked[i] && !seen[i]) lost++;
      if (seen[i] > 1) dup += seen[i] - 1;
    }
    printf("gap read=%ld acked_but_lost=%ld duplicates=%ld\n", got, lost, dup);
    return lost != 0;
  }
  return 2;
}
