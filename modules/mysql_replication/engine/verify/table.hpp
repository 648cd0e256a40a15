#pragma once
// A table as it is compared: in ranges of its primary key, each by one number over all its rows. Statements as text,
// for MariaDB and every MySQL alike. PURE, values.
//
// The statements are plain reads: they lock nothing, and see one moment of their server each.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/dialect/server_state.hpp"

namespace clusteragent::mysql {

/// The values of a key's columns, as key_query() selects them.
using Key = std::vector<std::string>;

/// Rows behind `after` up to `to`, which belongs to it; nothing: from the first one, to the last one.
struct Range {
  std::optional<Key> after;
  std::optional<Key> to;
  friend bool operator==(const Range&, const Range&) = default;
};

struct Column {
  std::string name;
  std::string type;     // DATA_TYPE
  std::string charset;  // empty: it is no text
  bool is_virtual = false;
};

struct Table {
  std::string schema;
  std::string name;
  std::string engine;
  std::uint64_t rows = 0;  // about so many, says the server
  std::vector<Column> columns;
  std::vector<Column> key;
  bool has_key_prefix = false;  // of a column only its beginning is in the key
  std::string full_name() const { return schema + "." + name; }
};

/// What a range holds; two of equal rows are equal.
struct Content {
  std::uint64_t rows = 0;
  std::string sum;
  friend bool operator==(const Content&, const Content&) = default;
};

/// Of all servers: schema, name, engine and about how many rows, in a fixed order.
std::string tables_query();
std::string columns_query(const Table& table);
std::string key_query(const Table& table);
/// From the answers to those two.
void describe(Table& table, const Rows& columns, const Rows& key);

/// Whether it can be read in ranges.
bool has_ranges(const Table& table);
/// Why it is not compared; empty: it is.
std::string obstacle(const Table& table);

/// The key of the row with this number in the range, from 1 on: no row, where there are not so many.
std::string key_query(const Table& table, const Range& range, std::uint64_t number);
/// The key of the table's last row; no row: it is empty.
std::string last_key_query(const Table& table);
Key key_of(const Table& table, const Row& row);
std::string content_query(const Table& table, const Range& range);
Content content_of(const Row& row);
/// For the operator: id 5 to 9.
std::string text_of(const Table& table, const Range& range);

}  // namespace clusteragent::mysql
