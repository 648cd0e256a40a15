#pragma once
// Reading single facts out of a status document for render.cpp: typed, total, "unknown" where there is nothing. Pure.
#include <optional>
#include <string>

#include "agent/control/status.hpp"
#include "agent/control/table_text.hpp"

namespace clusteragent::control {

inline constexpr const char* unknown = "unknown";

/// A null document where there is none, so that reading goes on and finds nothing.
const Json& part(const Json& object, const char* key);
/// Without control characters; empty when it is no text.
std::string text(const Json& object, const char* key);
std::optional<std::int64_t> number(const Json& object, const char* key);
std::optional<bool> truth(const Json& object, const char* key);

std::string or_unknown(std::string value);
/// `1.2 s ago`.
std::string ago_text(const Json& object, const char* key);
/// `PRIM Ready`, in its colour: red for what stands still, magenta for what is on its way, green for what is settled.
Cell state_cell(const Json& object);
/// `can take over`, or why not.
Cell failover_cell(const Json& object);
std::string restarts_text(const Json& restarts);
std::string record_text(const Json& local);
/// `up to date`, or how far the other node's copy is, or that there is none.
Cell replication_cell(const Json& replication);
/// Who serves clients that only read, and why.
Cell reader_cell(const Json& reader);
/// What the newest verification found; empty: there was none.
Cell verify_cell(const Json& verification);
/// Their paths.
Cell replicated_directories_cell(const Json& replication);
std::string permille_text(const Json& object, const char* key);
std::string micros_text(const Json& object, const char* key);

}  // namespace clusteragent::control
