#pragma once
// Comparison: reads every table of both servers in ranges of its primary key and finds out where they differ, while the
// application writes. Plain reads through two connections of its own; it writes nothing and locks nothing. One caller.
//
// No false alarm: suspicion.hpp says what counts as different. What changes all the time, down to a row, is counted and
// not judged.
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/server/connection.hpp"
#include "modules/mysql_replication/engine/verify/suspicion.hpp"

namespace clusteragent::mysql {

class Dialect;

struct Findings {
  struct Place {
    std::string path;  // a table
    std::string what;
  };
  std::uint64_t tables_all = 0;
  std::uint64_t tables = 0;  // compared
  std::uint64_t rows = 0;    // compared
  std::uint64_t differences = 0;
  std::uint64_t busy = 0;       // ranges that changed whenever they were read
  std::vector<Place> first;     // at most places_max
  std::vector<Place> left_out;  // at most places_max
  std::uint64_t left_out_all = 0;
};
inline constexpr std::size_t places_max = 10;

class Comparison {
 public:
  struct Shell {
    std::function<std::string()> stop_reason;  // asked often; empty: go on
    std::function<void(const Findings&)> tell;
    std::function<void(std::chrono::milliseconds)> sleep;
  };

  Comparison(Connection primary, Connection standby, const Dialect& dialect, Shell shell);

  /// To its end, or why not. What was found until then stays.
  Status run();
  const Findings& findings() const { return findings_; }

 private:
  struct Suspect {
    Range range;
    unsigned depth = 0;  // how often it was split
    Suspicion suspicion{};
  };

  Status prepare();
  Result<std::vector<Table>> tables();
  /// Of which tables there are.
  Status compare_names();
  Status compare_table(Table table);
  Status scan(const Table& table);
  /// What looks different is added to the suspects.
  Status scan_batch(const Table& table, std::vector<Range> batch, std::vector<Suspect>& suspects);
  Result<std::optional<Key>> key(const Table& table, const std::string& question);
  /// Reads a range until it is known what it is.
  Status settle(const Table& table, std::vector<Suspect> suspects);
  /// What has to be read again is added to `left`.
  Status judge(const Table& table, Suspect& suspect, const Reading& reading, std::vector<Suspect>& left);
  /// Into parts of about the same size, by the primary's rows.
  Result<std::vector<Range>> parts(const Table& table, const Range& range, std::uint64_t rows);
  Status report(const Table& table, const Range& range);
  void add_difference(const std::string& path, const std::string& what);
  void leave_out(const Table& table, const std::string& why);

  using Reader = std::function<Result<Content>(Connection&)>;
  /// All on the primary, then on the standby, then on the primary again where that is needed.
  Result<std::vector<Reading>> read(const Table& table, const std::vector<Range>& ranges);
  Result<std::vector<Reading>> read(const std::vector<Reader>& readers);
  Status read_one(const Reader& reader, Connection& from, Content& content);
  Result<Content> content(Connection& from, const Table& table, const Range& range);
  /// Until the standby has applied what the primary has in its log now.
  Status wait_for_standby();
  Result<Gtids> position(Connection& from, const std::string& question);
  Status pause(std::chrono::milliseconds span);

  Connection primary_;
  Connection standby_;
  const Dialect& dialect_;
  const Shell shell_;
  Findings findings_;
  std::uint64_t chunk_rows_;
  std::chrono::milliseconds read_span_{};  // of the newest batch, on the primary
  bool is_table_gone_ = false;             // while it was compared
  std::uint64_t table_differences_ = 0;
};

}  // namespace clusteragent::mysql
