#include "modules/mysql_replication/engine/verify/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"

namespace clusteragent::mysql {
namespace {

// A table that cannot be read in ranges is read at once, up to this size.
constexpr std::uint64_t rows_at_once_max = 10'000;
constexpr std::size_t shown_bytes_max = 40;

enum class Kind { number, quoted, bytes, other };

template <std::size_t count>
bool is_one_of(const std::array<const char*, count>& all, const std::string& type) {
  return std::find(all.begin(), all.end(), type) != all.end();
}

/// As a literal that compares with the column as the rows do with each other.
Kind kind_of(const Column& column) {
  constexpr std::array numbers{"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"};
  constexpr std::array quoted_ones{"date", "datetime", "timestamp", "time", "uuid", "inet4", "inet6"};
  constexpr std::array bytes{"char", "varchar", "binary", "varbinary"};
  if (is_one_of(numbers, column.type)) return Kind::number;
  if (is_one_of(quoted_ones, column.type)) return Kind::quoted;
  // The order of an ENUM is that of its definition, and a FLOAT is not what it is written as.
  return is_one_of(bytes, column.type) ? Kind::bytes : Kind::other;
}

std::string name_of(const std::string& name) {
  std::string shown = "`";
  for (const char letter : name) shown += letter == '`' ? std::string{"``"} : std::string{letter};
  return shown + "`";
}

std::string name_of(const Table& table) {
  return name_of(table.schema) + "." + name_of(table.name);
}

std::string literal(const Column& column, const std::string& value) {
  switch (kind_of(column)) {
    case Kind::number:
      return value;
    case Kind::bytes:
      return (column.charset.empty() ? "" : "_" + column.charset + " ") + "X'" + value + "'";
    case Kind::quoted:
    case Kind::other:
      break;
  }
  return quoted(value);
}

/// Comparing column by column, because the servers use no index for a comparison of rows.
std::string beyond(const Table& table, const Key& key, const char* sign, const char* last_sign) {
  std::string all;
  std::string equal;
  for (std::size_t at = 0; at < table.key.size(); ++at) {
    const std::string column = name_of(table.key[at].name);
    const std::string value = literal(table.key[at], key[at]);
    const bool is_last = at + 1 == table.key.size();
    all += fmt::format("{}({}{} {} {})", all.empty() ? "" : " OR ", equal, column, is_last ? last_sign : sign, value);
    equal += fmt::format("{} = {} AND ", column, value);
  }
  // Lets the index begin or end there.
  const std::string bound =
      fmt::format("{} {}= {}", name_of(table.key.front().name), sign, literal(table.key.front(), key.front()));
  return fmt::format("{} AND ({})", bound, all);
}

std::string condition(const Table& table, const Range& range) {
  std::string where;
  if (range.after) where = " WHERE " + beyond(table, *range.after, ">", ">");
  if (range.to) where += (where.empty() ? " WHERE " : " AND ") + beyond(table, *range.to, "<", "<=");
  return where;
}

std::string source(const Table& table, const Range& range) {
  const char* const index = has_ranges(table) ? " FORCE INDEX (PRIMARY)" : "";
  return fmt::format(" FROM {}{}{}", name_of(table), index, condition(table, range));
}

std::string value_expression(const Column& column) {
  const std::string name = name_of(column.name);
  // Large values by their own sum: the row has to fit into a packet.
  constexpr std::array large{"tinytext", "text", "mediumtext", "longtext",
                             "tinyblob", "blob", "mediumblob", "longblob"};
  if (is_one_of(large, column.type)) return fmt::format("SHA2({}, 224)", name);
  if (column.type == "json") return fmt::format("SHA2(CAST({} AS CHAR), 224)", name);
  // Text of two character sets has no common one.
  if (!column.charset.empty()) return fmt::format("CAST({} AS BINARY)", name);
  constexpr std::array plain{"float", "double"};
  const Kind kind = kind_of(column);
  const bool is_plain = kind == Kind::number || kind == Kind::quoted || is_one_of(plain, column.type);
  return is_plain ? name : fmt::format("HEX({})", name);
}

std::string key_expression(const Table& table) {
  std::string columns;
  for (std::size_t at = 0; at < table.key.size(); ++at) {
    const std::string name = name_of(table.key[at].name);
    const bool is_bytes = kind_of(table.key[at]) == Kind::bytes;
    columns += fmt::format("{}{} AS k{}", at == 0 ? "" : ", ", is_bytes ? "HEX(" + name + ")" : name, at);
  }
  return columns;
}

std::string key_order(const Table& table, const char* direction) {
  std::string order;
  for (const Column& column : table.key) order += (order.empty() ? "" : ", ") + name_of(column.name) + direction;
  return order;
}

std::string shown_value(const Column& column, const std::string& value) {
  if (kind_of(column) != Kind::bytes) return value.substr(0, shown_bytes_max);
  std::string text;
  for (std::size_t at = 0; at + 1 < value.size() && text.size() < shown_bytes_max; at += 2) {
    const int letter = std::stoi(value.substr(at, 2), nullptr, 16);
    if (letter < ' ' || letter > '~') return "0x" + value.substr(0, shown_bytes_max);
    text += static_cast<char>(letter);
  }
  return "'" + text + "'";
}

}  // namespace

std::string tables_query() {
  // Names of their own: MySQL from 8 on does not take an alias that is the name of the column in other letters.
  return "SELECT TABLE_SCHEMA AS schema_is, TABLE_NAME AS name_is, ENGINE AS engine_is, TABLE_ROWS AS rows_are"
         " FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT"
         " IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY TABLE_SCHEMA, TABLE_NAME";
}

std::string columns_query(const Table& table) {
  return fmt::format(
      "SELECT COLUMN_NAME AS name_is, DATA_TYPE AS type_is, CHARACTER_SET_NAME AS charset, EXTRA AS extra_is"
      " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} ORDER BY ORDINAL_POSITION",
      quoted(table.schema), quoted(table.name));
}

std::string key_query(const Table& table) {
  return fmt::format(
      "SELECT COLUMN_NAME AS name_is, SUB_PART AS prefix_is FROM information_schema.STATISTICS WHERE TABLE_SCHEMA"
      " = {} AND TABLE_NAME = {} AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
      quoted(table.schema), quoted(table.name));
}

void describe(Table& table, const Rows& columns, const Rows& key) {
  for (const Row& row : columns) {
    table.columns.push_back({text_of(row, "name_is"), text_of(row, "type_is"), text_of(row, "charset"),
                             text_of(row, "extra_is").find("VIRTUAL") != std::string::npos});
  }
  for (const Row& row : key) {
    const std::string name = text_of(row, "name_is");
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&name](const Column& column) { return column.name == name; });
    if (found != table.columns.end()) table.key.push_back(*found);
    if (!text_of(row, "prefix_is").empty()) table.has_key_prefix = true;
  }
}

bool has_ranges(const Table& table) {
  return !table.key.empty() && !table.has_key_prefix &&
         std::none_of(table.key.begin(), table.key.end(),
                      [](const Column& column) { return kind_of(column) == Kind::other; });
}

std::string obstacle(const Table& table) {
  if (table.engine != "InnoDB" && table.engine != "ROCKSDB")
    return fmt::format("reading {} locks out who writes", table.engine.empty() ? "it" : table.engine);
  if (has_ranges(table) || table.rows <= rows_at_once_max) return {};
  return table.key.empty() ? "it is large and has no primary key" : "it is large, and its key cannot be split";
}

std::string key_query(const Table& table, const Range& range, std::uint64_t number) {
  return fmt::format("SELECT {}{} ORDER BY {} LIMIT 1 OFFSET {}", key_expression(table), source(table, range),
                     key_order(table, ""), number - 1);
}

std::string last_key_query(const Table& table) {
  return fmt::format("SELECT {}{} ORDER BY {} LIMIT 1", key_expression(table), source(table, {}),
                     key_order(table, " DESC"));
}

Key key_of(const Table& table, const Row& row) {
  Key key;
  for (std::size_t at = 0; at < table.key.size(); ++at) key.push_back(text_of(row, fmt::format("k{}", at)));
  return key;
}

std::string content_query(const Table& table, const Range& range) {
  std::string values;
  std::string nulls;
  for (const Column& column : table.columns) {
    if (column.is_virtual) continue;
    values += ", " + value_expression(column);
    nulls += fmt::format("{}ISNULL({})", nulls.empty() ? "" : ", ", name_of(column.name));
  }
  // Every family has SHA2; MySQL from 9.6 on has MD5 and SHA1 in a component only.
  return fmt::format(
      "SELECT COUNT(*) AS row_count, BIT_XOR(CAST(CONV(LEFT(SHA2(CONCAT_WS('#'{}, CONCAT({})), 224), 16), 16, 10) AS"
      " UNSIGNED)) AS content_sum{}",
      values, nulls, source(table, range));
}

Content content_of(const Row& row) {
  return {number_of(row, "row_count"), text_of(row, "content_sum")};
}

std::string text_of(const Table& table, const Range& range) {
  const auto shown = [&table](const Key& key) {
    std::string text;
    for (std::size_t at = 0; at < key.size(); ++at) text += (at == 0 ? "" : ", ") + shown_value(table.key[at], key[at]);
    return text;
  };
  if (!range.after && !range.to) return "all rows";
  std::string names;
  for (const Column& column : table.key) names += (names.empty() ? "" : ", ") + column.name;
  if (!range.to) return fmt::format("{} behind {}", names, shown(*range.after));
  if (!range.after) return fmt::format("{} up to {}", names, shown(*range.to));
  return fmt::format("{} behind {} up to {}", names, shown(*range.after), shown(*range.to));
}

}  // namespace clusteragent::mysql
