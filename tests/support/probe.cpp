// The client: asks the virtual address every period over UDP and writes down which questions were answered, when and by
// whom. A question that is not answered within the deadline was not served; two or more of them in a row are an outage,
// which lasts from the first unserved question to the next served one.
//   probe --address 10.77.1.100 [--port 7000] [--period-us 1000] [--deadline-ms 20] [--seconds 0]
// Prints a line at each change while it runs, and one line of JSON at the end (SIGTERM, or after --seconds).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "tests/support/measure.hpp"

namespace {

using clusteragent::measure::fail;
using clusteragent::measure::monotonic_ns;
using clusteragent::measure::to_ms;

constexpr std::size_t questions_max = 4'000'000;  // more than an hour at 1 ms; 64 MB
constexpr std::size_t unserved_for_outage = 2;
constexpr std::size_t answer_bytes_max = 256;

struct Question {
  std::int64_t sent_ns = 0;
  std::int32_t latency_us = -1;  // -1: no answer
  std::int16_t owner = -1;
};

class Probe {
 public:
  Probe(const sockaddr_in& target, std::int64_t period_ns, std::int64_t deadline_ns)
      : target_{target}, period_ns_{period_ns}, deadline_ns_{deadline_ns} {
    descriptor_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor_ < 0) {
      fail("no socket");
    }
  }

  void run(std::int64_t seconds) {
    const std::int64_t start = monotonic_ns();
    std::int64_t next = start;
    while (clusteragent::measure::is_stopping == 0 && questions_.size() < questions_max &&
           (seconds == 0 || next - start < seconds * 1'000'000'000)) {
      ask();
      next += period_ns_;
      while (clusteragent::measure::wait_readable(descriptor_, next)) {
        read_answers();
      }
      if (const std::int64_t behind = monotonic_ns() - next; behind > 100 * period_ns_) {
        next += behind;  // this process was not running: what it did not ask was not unserved
      }
    }
    const std::int64_t end = monotonic_ns() + deadline_ns_;
    while (clusteragent::measure::wait_readable(descriptor_, end)) {
      read_answers();
    }
  }

  void report() const {
    std::string outages;
    std::int64_t longest = 0;
    std::int64_t total = 0;
    std::size_t served = 0;
    std::size_t unserved = 0;
    for (std::size_t index = 0; index <= questions_.size(); ++index) {
      const bool at_end = index == questions_.size();
      if (!at_end && !is_served(questions_[index])) {
        ++unserved;
        continue;
      }
      if (unserved >= unserved_for_outage) {
        const std::int64_t from = questions_[index - unserved].sent_ns;
        const std::int64_t to = at_end ? questions_.back().sent_ns + period_ns_ : questions_[index].sent_ns;
        outages += fmt::format(R"({}{{"from_ns":{},"to_ns":{},"ms":{:.3f},"open":{}}})", outages.empty() ? "" : ",",
                               from, to, to_ms(to - from), at_end);
        longest = std::max(longest, to - from);
        total += to - from;
      }
      unserved = 0;
      served += at_end ? 0U : 1U;
    }
    fmt::print(R"({{"asked":{},"served":{},"longest_ms":{:.3f},"total_ms":{:.3f},"outages":[{}],"owners":[{}]}})"
               "\n",
               questions_.size(), served, to_ms(longest), to_ms(total), outages, owner_changes());
  }

 private:
  bool is_served(const Question& question) const {
    return question.latency_us >= 0 && std::int64_t{question.latency_us} * 1000 <= deadline_ns_;
  }

  void ask() {
    const std::uint64_t number = questions_.size();
    questions_.push_back(Question{.sent_ns = monotonic_ns()});
    // An unresolved neighbour or a full queue is an unserved question, not an error of this program.
    static_cast<void>(
        sendto(descriptor_, &number, sizeof number, 0, reinterpret_cast<const sockaddr*>(&target_), sizeof target_));
  }

  void read_answers() {
    std::array<char, answer_bytes_max> data{};
    ssize_t size = 0;
    while ((size = recv(descriptor_, data.data(), data.size(), 0)) > 0) {
      std::uint64_t number = 0;
      if (static_cast<std::size_t>(size) < sizeof number) {
        continue;
      }
      std::memcpy(&number, data.data(), sizeof number);
      if (number < questions_.size()) {
        const std::string_view name{data.data() + sizeof number, static_cast<std::size_t>(size) - sizeof number};
        note_answer(number, owner_index(name));
      }
    }
  }

  void note_answer(std::uint64_t number, std::int16_t owner) {
    Question& question = questions_[number];
    const std::int64_t now = monotonic_ns();
    if (question.latency_us >= 0) {
      return;
    }
    question.latency_us = static_cast<std::int32_t>(std::min<std::int64_t>((now - question.sent_ns) / 1000, 1 << 30));
    question.owner = owner;
    if (!is_served(question)) {
      return;
    }
    const std::int64_t pause = last_served_ns_ == 0 ? 0 : question.sent_ns - last_served_ns_ - period_ns_;
    if (owner != last_owner_ || pause >= static_cast<std::int64_t>(unserved_for_outage) * period_ns_) {
      fmt::print("{} served by {} after {:.1f} ms without\n", question.sent_ns,
                 owners_[static_cast<std::size_t>(owner)], to_ms(std::max<std::int64_t>(pause, 0)));
      std::fflush(stdout);
    }
    last_owner_ = owner;
    last_served_ns_ = std::max(last_served_ns_, question.sent_ns);
  }

  std::int16_t owner_index(std::string_view name) {
    for (std::size_t index = 0; index < owners_.size(); ++index) {
      if (owners_[index] == name) {
        return static_cast<std::int16_t>(index);
      }
    }
    if (owners_.size() >= 16) {
      fail("more than 16 hosts answer");
    }
    owners_.emplace_back(name);
    return static_cast<std::int16_t>(owners_.size() - 1);
  }

  std::string owner_changes() const {
    std::string text;
    std::int16_t last = -1;
    for (const Question& question : questions_) {
      if (is_served(question) && question.owner != last) {
        last = question.owner;
        text += fmt::format(R"({}{{"at_ns":{},"host":"{}"}})", text.empty() ? "" : ",", question.sent_ns,
                            owners_[static_cast<std::size_t>(last)]);
      }
    }
    return text;
  }

  sockaddr_in target_;
  std::int64_t period_ns_;
  std::int64_t deadline_ns_;
  int descriptor_ = -1;
  std::vector<Question> questions_;
  std::vector<std::string> owners_;
  std::int16_t last_owner_ = -1;
  std::int64_t last_served_ns_ = 0;
};

}  // namespace

int main(int count, char** words) {
  const clusteragent::measure::Words options{count, words,
                                             "usage: probe --address ADDRESS [--port N] [--seconds N] ..."};
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(options.number("port", 7000)));
  if (inet_pton(AF_INET, options.text("address").c_str(), &target.sin_addr) != 1) {
    fail("--address wants an IPv4 address");
  }
  Probe probe{target, options.number("period-us", 1000) * 1000, options.number("deadline-ms", 20) * 1'000'000};
  clusteragent::measure::prepare_process();
  probe.run(options.number("seconds", 0));
  probe.report();
  return 0;
}
