#include "modules/mysql_replication/engine/verify/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"

namespace clusteragent::mysql {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t first_chunk_rows = 500;
constexpr std::uint64_t chunk_rows_min = 50;
constexpr std::uint64_t chunk_rows_max = 50'000;
// What one statement is to take at most, about: a short read disturbs nobody.
constexpr milliseconds chunk_span{50};
constexpr std::uint64_t parts_max = 8;
// Ranges that are kept in mind at once.
constexpr std::size_t suspects_max = 200;
// A table that differs in so many places is known well enough.
constexpr std::uint64_t differences_of_table_max = 50;
// Read on the one, then on the other.
constexpr std::size_t batch_max = 16;
constexpr int narrowing_reads_max = 40;
// Of parts of parts: a row of the largest range.
constexpr unsigned depth_max = 6;
constexpr unsigned open_depth_max = 2;
constexpr milliseconds between_readings{3000};
constexpr milliseconds poll_pause{10};
// The standby applies what it receives; one that does not within this has another problem, which has its own alarm.
constexpr std::chrono::seconds catch_up_limit{60};
constexpr unsigned no_such_table = 1146;
constexpr unsigned no_such_column = 1054;

}  // namespace

Comparison::Comparison(Connection primary, Connection standby, const Dialect& dialect, Shell shell)
    : primary_{std::move(primary)},
      standby_{std::move(standby)},
      dialect_{dialect},
      shell_{std::move(shell)},
      chunk_rows_{first_chunk_rows} {}

Status Comparison::run() {
  if (Status prepared = prepare(); !prepared) return prepared;
  if (Status compared = compare_names(); !compared) return compared;
  auto all = tables();
  if (!all) return all.error();
  findings_.tables_all = all->size();
  for (Table& table : *all) {
    if (Status compared = compare_table(std::move(table)); !compared) return compared;
    shell_.tell(findings_);
  }
  return success();
}

Status Comparison::prepare() {
  for (Connection* each : {&primary_, &standby_}) {
    // TIMESTAMP is shown in the session's zone, and names in its character set.
    for (const char* statement : {"SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00'"}) {
      if (const auto done = each->query(statement); !done) return done.error();
    }
  }
  return success();
}

Result<std::vector<Table>> Comparison::tables() {
  const auto rows = primary_.query(tables_query());
  if (!rows) return rows.error();
  std::vector<Table> all;
  for (const Row& row : *rows) {
    Table table;
    table.schema = text_of(row, "schema_is");
    table.name = text_of(row, "name_is");
    table.engine = text_of(row, "engine_is");
    table.rows = number_of(row, "rows_are");
    all.push_back(std::move(table));
  }
  return all;
}

Status Comparison::compare_names() {
  const auto names = [](Connection& from) -> Result<Content> {
    const auto rows = from.query(tables_query());
    if (!rows) return rows.error();
    Content content{rows->size(), ""};
    for (const Row& row : *rows) content.sum += text_of(row, "schema_is") + "." + text_of(row, "name_is") + "\n";
    return content;
  };
  Suspicion suspicion;
  for (;;) {
    const auto readings = read({Reader{names}});
    if (!readings) return readings.error();
    const Reading* const reading = &readings->front();
    const Suspicion::Verdict verdict = suspicion.add(*reading, Clock::now());
    if (verdict == Suspicion::Verdict::busy) ++findings_.busy;
    if (verdict == Suspicion::Verdict::differs) {
      add_difference(fmt::format("{} and {} tables", reading->before.rows, reading->standby.rows),
                     "the primary and the standby do not have the same tables: compare information_schema.TABLES");
    }
    if (verdict != Suspicion::Verdict::open) return success();
    if (Status paused = pause(between_readings); !paused) return paused;
  }
}

Status Comparison::compare_table(Table table) {
  const auto columns = primary_.query(columns_query(table));
  if (!columns) return columns.error();
  const auto key = primary_.query(key_query(table));
  if (!key) return key.error();
  describe(table, *columns, *key);
  if (table.columns.empty()) return success();  // dropped a moment ago
  if (const std::string why = obstacle(table); !why.empty()) {
    leave_out(table, why);
    return success();
  }
  is_table_gone_ = false;
  table_differences_ = 0;
  if (Status scanned = scan(table); !scanned && !is_table_gone_) return scanned;
  if (is_table_gone_)
    leave_out(table, "it was dropped or altered meanwhile");
  else
    ++findings_.tables;
  return success();
}

Result<std::optional<Key>> Comparison::key(const Table& table, const std::string& question) {
  const auto rows = primary_.query(question);
  if (!rows) return rows.error();
  return rows->empty() ? std::optional<Key>{} : key_of(table, rows->front());
}

Status Comparison::scan(const Table& table) {
  std::vector<Suspect> suspects;
  std::vector<Range> batch;
  Range range;
  // Up to where the table ends now, then what was added meanwhile, so that one which grows comes to an end.
  for (int pass = 0; pass < 2 && has_ranges(table); ++pass) {
    const auto end = key(table, last_key_query(table));
    if (!end) return end.error();
    if (!*end) break;
    while (range.after != *end && table_differences_ < differences_of_table_max) {
      const auto bound = key(table, key_query(table, {range.after, *end}, chunk_rows_));
      if (!bound) return bound.error();
      range.to = *bound ? *bound : *end;
      batch.push_back(range);
      range.after = std::exchange(range.to, std::nullopt);
      if (batch.size() < batch_max) continue;
      if (Status checked = scan_batch(table, std::exchange(batch, {}), suspects); !checked) return checked;
    }
  }
  batch.push_back(range);
  if (Status checked = scan_batch(table, std::move(batch), suspects); !checked) return checked;
  return settle(table, std::move(suspects));
}

Status Comparison::scan_batch(const Table& table, std::vector<Range> batch, std::vector<Suspect>& suspects) {
  const auto readings = read(table, batch);
  if (!readings) return readings.error();
  for (std::size_t at = 0; at < batch.size(); ++at) {
    const Reading& reading = (*readings)[at];
    findings_.rows += reading.before.rows;
    if (!(reading.before == reading.standby)) suspects.push_back({std::move(batch[at])});
  }
  const auto span = std::max(read_span_ / static_cast<int>(batch.size()), milliseconds{1});
  // By half or by twice at a time.
  chunk_rows_ =
      std::clamp(chunk_rows_ * static_cast<std::uint64_t>(2 * chunk_span / span) / 2, chunk_rows_ / 2, chunk_rows_ * 2);
  chunk_rows_ = std::clamp(chunk_rows_, chunk_rows_min, chunk_rows_max);
  shell_.tell(findings_);
  if (suspects.size() >= suspects_max) return settle(table, std::exchange(suspects, {}));
  return success();
}

Status Comparison::settle(const Table& table, std::vector<Suspect> suspects) {
  while (!suspects.empty() && table_differences_ < differences_of_table_max) {
    if (Status paused = pause(between_readings); !paused) return paused;
    std::vector<Suspect> left;
    for (std::size_t first = 0; first < suspects.size(); first += batch_max) {
      const std::span batch{suspects.data() + first, std::min(batch_max, suspects.size() - first)};
      std::vector<Range> ranges;
      for (const Suspect& each : batch) ranges.push_back(each.range);
      const auto readings = read(table, ranges);
      if (!readings) return readings.error();
      for (std::size_t at = 0; at < batch.size(); ++at) {
        if (Status judged = judge(table, batch[at], (*readings)[at], left); !judged) return judged;
      }
    }
    suspects = std::move(left);
    shell_.tell(findings_);
  }
  return success();
}

Status Comparison::judge(const Table& table, Suspect& suspect, const Reading& reading, std::vector<Suspect>& left) {
  switch (suspect.suspicion.add(reading, Clock::now())) {
    case Suspicion::Verdict::equal:
      return success();
    case Suspicion::Verdict::open:
      left.push_back(suspect);
      return success();
    case Suspicion::Verdict::differs:
      return report(table, suspect.range);
    case Suspicion::Verdict::busy:
      break;
  }
  auto smaller = parts(table, suspect.range, std::max(reading.before.rows, reading.standby.rows));
  if (!smaller) return smaller.error();
  // At the open end of a table there are new rows each time.
  const bool is_small = suspect.depth >= (suspect.range.to ? depth_max : open_depth_max);
  if (smaller->size() < 2 || is_small) {
    ++findings_.busy;
    return success();
  }
  for (Range& part : *smaller) left.push_back({std::move(part), suspect.depth + 1});
  return success();
}

Result<std::vector<Range>> Comparison::parts(const Table& table, const Range& range, std::uint64_t rows) {
  std::vector<Range> all;
  if (!has_ranges(table) || rows < 2) return all;
  const std::uint64_t size = (rows + parts_max - 1) / parts_max;
  Range rest = range;
  for (std::uint64_t part = 1; part < parts_max; ++part) {
    const auto bound = key(table, key_query(table, rest, size));
    if (!bound) return bound.error();
    if (!*bound || *bound == range.to) break;
    all.push_back({rest.after, *bound});
    rest.after = *bound;
  }
  all.push_back(rest);
  return all;
}

Status Comparison::report(const Table& table, const Range& range) {
  const std::uint64_t known = findings_.differences;
  std::vector<Range> wide{range};
  int reads = 0;
  while (!wide.empty()) {
    const Range one = wide.back();
    wide.pop_back();
    const auto readings = read(table, {one});
    if (!readings) return readings.error();
    const Reading* const reading = &readings->front();
    // A part that is equal, or that changes just now.
    if (!(reading->before == reading->after) || reading->before == reading->standby) continue;
    const std::uint64_t rows = std::max(reading->before.rows, reading->standby.rows);
    auto smaller = reads < narrowing_reads_max ? parts(table, one, rows) : std::vector<Range>{};
    if (!smaller) return smaller.error();
    if (smaller->size() >= 2) {
      reads += static_cast<int>(smaller->size());
      wide.insert(wide.end(), smaller->rbegin(), smaller->rend());
      continue;
    }
    const std::uint64_t here = reading->before.rows;
    const std::uint64_t there = reading->standby.rows;
    const std::string place = text_of(table, one);
    add_difference(table.full_name(),
                   here == there ? fmt::format("{}: other values in {} row(s)", place, here)
                                 : fmt::format("{}: {} row(s) on the primary, {} on the standby", place, here, there));
  }
  // It was different, and changes while its rows are looked for.
  if (findings_.differences == known) add_difference(table.full_name(), text_of(table, range));
  return success();
}

void Comparison::add_difference(const std::string& path, const std::string& what) {
  ++findings_.differences;
  ++table_differences_;
  if (findings_.first.size() < places_max) findings_.first.push_back({path, what});
}

void Comparison::leave_out(const Table& table, const std::string& why) {
  ++findings_.left_out_all;
  if (findings_.left_out.size() < places_max) findings_.left_out.push_back({table.full_name(), why});
}

Result<std::vector<Reading>> Comparison::read(const Table& table, const std::vector<Range>& ranges) {
  std::vector<Reader> readers;
  for (const Range& range : ranges)
    readers.emplace_back([this, &table, &range](Connection& from) { return content(from, table, range); });
  return read(readers);
}

Result<std::vector<Reading>> Comparison::read(const std::vector<Reader>& readers) {
  std::vector<Reading> readings(readers.size());
  const auto begun = Clock::now();
  for (std::size_t at = 0; at < readers.size(); ++at) {
    if (Status done = read_one(readers[at], primary_, readings[at].before); !done) return done.error();
  }
  read_span_ = std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
  // Once for all of them: it may be behind.
  if (Status waited = wait_for_standby(); !waited) return waited.error();
  for (std::size_t at = 0; at < readers.size(); ++at) {
    Reading& reading = readings[at];
    if (Status done = read_one(readers[at], standby_, reading.standby); !done) return done.error();
    reading.after = reading.before;
    if (reading.before == reading.standby) continue;
    if (Status done = read_one(readers[at], primary_, reading.after); !done) return done.error();
  }
  return readings;
}

Status Comparison::read_one(const Reader& reader, Connection& from, Content& content) {
  const auto begun = Clock::now();
  auto answer = reader(from);
  if (!answer) return answer.error();
  content = std::move(*answer);
  // Half of the time belongs to the application.
  return pause(std::chrono::duration_cast<milliseconds>(Clock::now() - begun));
}

Result<Content> Comparison::content(Connection& from, const Table& table, const Range& range) {
  const auto rows = from.query(content_query(table, range));
  if (rows) return rows->empty() ? Content{} : content_of(rows->front());
  const unsigned number = from.error_number();
  if (number != no_such_table && number != no_such_column) return rows.error();
  // On the standby that is a difference, if it lasts.
  if (&from == &standby_) return Content{0, fmt::format("error {}", number)};
  is_table_gone_ = true;
  return rows.error();
}

Result<Gtids> Comparison::position(Connection& from, const std::string& question) {
  const auto rows = from.query(question);
  if (!rows) return rows.error();
  return Gtids::parse(dialect_.family(), rows->empty() ? std::string{} : text_of(rows->front(), "gtids"));
}

Status Comparison::wait_for_standby() {
  const auto wanted = position(primary_, dialect_.logged_query());
  if (!wanted) return wanted.error();
  const auto begun = Clock::now();
  for (;;) {
    const auto has = position(standby_, dialect_.applied_query());
    if (!has) return has.error();
    if (has->reaches(*wanted)) return success();
    if (Clock::now() - begun > catch_up_limit)
      return Error{ErrorCode::unreachable, "the standby did not apply for a minute what the primary had"};
    if (Status paused = pause(poll_pause); !paused) return paused;
  }
}

Status Comparison::pause(milliseconds span) {
  if (const std::string reason = shell_.stop_reason(); !reason.empty()) return Error{ErrorCode::refused, reason};
  shell_.sleep(span);
  return success();
}

}  // namespace clusteragent::mysql
