#include "agent/data/filesync/engine/placement.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace clusteragent::filesync {
namespace {

// Of one processor's time. In between nothing changes.
constexpr double too_much = 0.75;
constexpr double little = 0.50;
// Somebody who cannot be moved away has the processor: threads wait for it, it is full, and the others are not.
constexpr double long_wait = 0.30;
constexpr double full = 0.05;
constexpr double room = 0.15;
// Two looks so far apart had no work between them: what the processors did meanwhile says nothing about it.
constexpr Duration looks_apart = 3 * Placement::look_pause;
// Fewer say nothing about where the disk and the network end.
constexpr std::uint64_t interrupts_min = 1000;

std::string_view take_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  const auto end = std::min(line.find(' ', begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

double part_of(Duration part, Duration whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

template <class Number>
bool parse(std::string_view word, Number& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc{} && end == word.data() + word.size();
}

/// Of "CPU7" or "cpu7"; nothing: another word, or more than a kernel has.
std::optional<std::size_t> processor_number(std::string_view word, std::string_view prefix) {
  constexpr std::size_t processors_max = 8192;
  std::size_t number = 0;
  if (!word.starts_with(prefix) || !parse(word.substr(prefix.size()), number) || number >= processors_max) return {};
  return number;
}

/// The columns: processors that are not online have none.
std::vector<std::size_t> columns_of(std::string_view line) {
  std::vector<std::size_t> numbers;
  while (const auto number = processor_number(take_word(line), "CPU")) numbers.push_back(*number);
  return numbers;
}

}  // namespace

std::vector<std::uint64_t> device_interrupts(std::string_view text) {
  const std::vector<std::size_t> columns = columns_of(take_line(text));
  if (columns.empty()) return {};
  std::vector<std::uint64_t> counts(*std::max_element(columns.begin(), columns.end()) + 1);
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view name = take_word(line);
    // The processors' own have letters: timers, and what the threads' waking itself makes.
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    for (const std::size_t processor : columns) {
      std::uint64_t count = 0;
      if (!parse(take_word(line), count)) break;
      counts[processor] += count;
    }
  }
  return counts;
}

std::vector<ProcessorTime> processor_times(std::string_view text) {
  // user nice system idle iowait irq softirq steal; what guests had is in the first two as well.
  constexpr int columns = 8;
  constexpr int idle = 3;
  constexpr int waiting_for_disk = 4;
  std::vector<ProcessorTime> times;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const auto number = processor_number(take_word(line), "cpu");
    if (!number) continue;
    if (times.size() <= *number) times.resize(*number + 1);
    for (int column = 0; column < columns; ++column) {
      std::uint64_t ticks = 0;
      if (!parse(take_word(line), ticks)) break;
      times[*number].all += ticks;
      if (column == idle || column == waiting_for_disk) times[*number].idle += ticks;
    }
  }
  return times;
}

void Placement::saw_interrupts(std::vector<std::uint64_t> counts, Instant now) {
  recent_ = counts;
  for (std::size_t at = 0; at < std::min(counts.size(), counts_.size()); ++at)
    recent_[at] = counts[at] - std::min(counts[at], counts_[at]);
  counts_ = std::move(counts);
  counted_at_ = now;
}

std::uint64_t Placement::recent(std::size_t processor) const {
  return processor < recent_.size() ? recent_[processor] : 0;
}

/// Where the disk and the network end, the threads that wait for them are woken without another processor.
std::size_t Placement::busiest() const {
  // The last where none is: the first has the most of what the machine does besides.
  std::size_t most = allowed_.back();
  for (const std::size_t each : allowed_) {
    if (recent(each) >= interrupts_min && recent(each) > recent(most)) most = each;
  }
  return most;
}

double Placement::idle_part(std::size_t processor, const std::vector<ProcessorTime>& now) const {
  if (processor >= processors_.size() || processor >= now.size()) return 0;
  const ProcessorTime& before = processors_[processor];
  const ProcessorTime& after = now[processor];
  // iowait may go back (proc_stat(5)).
  if (after.all <= before.all || after.idle <= before.idle) return 0;
  return static_cast<double>(after.idle - before.idle) / static_cast<double>(after.all - before.all);
}

bool Placement::is_crowded_out(const ThreadsUse& use, const std::vector<ProcessorTime>& now) const {
  if (part_of(use.waited, use.elapsed) < long_wait) return false;
  double others = 0;
  for (const std::size_t each : allowed_) others += each == *together_ ? 0 : idle_part(each, now);
  return idle_part(*together_, now) < full && others > room * static_cast<double>(allowed_.size() - 1);
}

std::optional<std::size_t> Placement::decide(const ThreadsUse& use, std::vector<ProcessorTime> processors,
                                             Instant now) {
  if (allowed_.size() < 2 || use.elapsed <= Duration::zero()) return together_;
  const double share = part_of(use.ran, use.elapsed);
  if (now - looked_at_ > looks_apart) processors_.clear();
  looked_at_ = now;
  if (together_) {
    const bool is_out = is_crowded_out(use, processors);
    if (is_out) apart_until_ = now + apart_for;
    if (is_out || share > too_much) together_.reset();
  } else if (share < little && (!apart_until_ || now >= *apart_until_)) {
    together_ = busiest();
  }
  // Interrupts are moved now and then; half as many more are no reason to follow.
  if (together_ && recent(busiest()) > 2 * recent(*together_)) together_ = busiest();
  processors_ = std::move(processors);
  return together_;
}

}  // namespace clusteragent::filesync
