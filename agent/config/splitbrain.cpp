#include "agent/config/splitbrain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <span>

#include "agent/config/value.hpp"

namespace clusteragent::config {
namespace {

/// Below this the margin between the witness's lease and what the holder may use of it would be cut short.
constexpr Duration witness_timeout_min = std::chrono::milliseconds{20};
/// etcd answers a renewal after a round among its members and a write to their disks.
constexpr Duration etcd_timeout_min = std::chrono::milliseconds{100};
/// As many members as an etcd cluster sensibly has; more addresses are not waited for.
constexpr std::size_t addresses_max = 9;
constexpr std::string_view witness_only[] = {"port"};
constexpr std::string_view etcd_only[] = {"etcd_prefix", "etcd_ca", "etcd_cert", "etcd_key", "etcd_user_file"};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto from = text.find_first_not_of(" \t\r\n");
    if (from == std::string_view::npos) return words;
    text.remove_prefix(from);
    const auto length = std::min(text.find_first_of(" \t\r\n"), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

class SplitbrainRules {
 public:
  SplitbrainRules(const Section& section, const Value* timeout, const ClusterConfig* cluster, Diagnostics& diagnostics)
      : section_{section}, timeout_{timeout}, cluster_{cluster}, diagnostics_{diagnostics} {}

  void check() {
    if (!section_["exec"].is_valid) return;
    const std::string& exec = section_["exec"].text;
    if (exec != "etcd") refuse_all_set(etcd_only, "etcd");
    if (exec != "witness") refuse_all_set(witness_only, "witness");
    if (exec == "witness") check_witness();
    if (exec == "etcd") check_etcd();
    if (exec == "ping") check_ping();
  }

 private:
  void error(const Value& value, std::string what, std::string allowed = {}) {
    diagnostics_.error(value.at, fmt::format("{} {}", name_attribute(*value.row, value.text), what),
                       {value.text, std::move(allowed), {}});
  }

  void refuse_all_set(std::span<const std::string_view> names, std::string_view exec) {
    for (const std::string_view name : names) {
      if (section_[name].is_set()) error(section_[name], fmt::format("goes with exec=\"{}\" only", exec));
    }
  }

  void check_timeout(Duration least, std::string_view exec, std::string_view why) {
    if (timeout_ == nullptr || !timeout_->is_valid || timeout_->duration() >= least) return;
    diagnostics_.error(timeout_->at,
                       fmt::format("{}: with <splitbrain exec=\"{}\"> the timeout is the lease that is promised, and "
                                   "{} leaves no room for {}",
                                   name_attribute(*timeout_->row, timeout_->text), exec, timeout_->text, why),
                       {timeout_->text, fmt::format("at least {}", duration_text(least, "ms")), {}});
  }

  void check_witness() {
    const Value& address = section_["arg"];
    const auto ip = IpAddress::parse(address.text);
    if (address.is_valid && (!ip || ip->is_unspecified() || ip->is_multicast())) {
      error(address, "is no address of a witness", "an IP address, such as 192.0.2.13");
    }
    check_timeout(witness_timeout_min, "witness", "the kernel's timers and clocks that differ");
  }

  void check_etcd() {
    const Value& arg = section_["arg"];
    std::set<std::string_view> seen;
    std::size_t secure = 0;
    const auto words = words_of(arg.text);
    for (const std::string_view word : words) {
      const auto endpoint = EtcdEndpoint::parse(word);
      if (!endpoint) return error(arg, fmt::format("names \"{}\", which is no member of etcd", word), etcd_allowed());
      if (!seen.insert(word).second) return error(arg, fmt::format("names {} twice", word));
      secure += endpoint->is_secure ? 1U : 0U;
    }
    if (!arg.is_valid) return;
    if (words.empty() || words.size() > addresses_max) return error(arg, "names no member of etcd", etcd_allowed());
    if (secure != 0 && secure != words.size()) return error(arg, "mixes http and https", "one of them for all members");
    check_credentials(secure != 0);
    check_prefix();
    check_timeout(etcd_timeout_min, "etcd", "etcd's disks and its members' agreement");
  }

  static std::string etcd_allowed() {
    return fmt::format(
        "1 to {} of http://ADDRESS:PORT or https://ADDRESS:PORT with spaces between them; an IP address, "
        "no name: such as https://192.0.2.5:2379",
        addresses_max);
  }

  void check_credentials(bool is_secure) {
    const Value& certificate = section_["etcd_cert"];
    const Value& key = section_["etcd_key"];
    if (certificate.is_set() != key.is_set()) {
      error(certificate.is_set() ? certificate : key, "needs both etcd_cert and etcd_key");
    }
    for (const std::string_view name : {"etcd_ca", "etcd_cert", "etcd_key"}) {
      if (section_[name].is_set() && !is_secure) error(section_[name], "needs members with https in arg");
    }
    if (is_secure) return;
    diagnostics_.warning(section_["arg"].at,
                         "<splitbrain exec=\"etcd\"> without https: whoever is in the network between can give votes",
                         {section_["arg"].text, "https://ADDRESS:PORT, with etcd_ca, etcd_cert and etcd_key", {}});
  }

  void check_prefix() {
    const Value& prefix = section_["etcd_prefix"];
    if (prefix.is_valid && (prefix.text.empty() || prefix.text.ends_with('/'))) {
      error(prefix, "is no prefix of a key", "a text that does not end with a slash, such as clusteragent");
    }
  }

  void check_ping() {
    const Value& arg = section_["arg"];
    if (!arg.is_valid) return;
    const std::string allowed = fmt::format(
        "1 to {} IP addresses with spaces between them, no names; a router that "
        "both nodes reach, such as 192.0.2.1",
        addresses_max);
    const auto words = words_of(arg.text);
    if (words.empty() || words.size() > addresses_max) return error(arg, "names no address to ask", allowed);
    std::set<IpAddress> seen;
    for (const std::string_view word : words) {
      const auto ip = IpAddress::parse(word);
      const bool is_host = ip && !ip->is_unspecified() && !ip->is_multicast() && !ip->is_loopback();
      if (!is_host) return error(arg, fmt::format("names \"{}\", which is no address to ask", word), allowed);
      if (!seen.insert(*ip).second) return error(arg, fmt::format("names {} twice", word));
      if (const std::string node = node_of(*ip); !node.empty()) {
        return error(arg, fmt::format("names {}, an address of node \"{}\": a node always reaches itself", word, node),
                     allowed);
      }
    }
    diagnostics_.warning(arg.at,
                         "<splitbrain exec=\"ping\"> cannot promise that there are never two primaries: two nodes that "
                         "both reach the target and not each other both become primary. exec=\"witness\" and "
                         "exec=\"etcd\" promise it",
                         {arg.text, {}, {}});
  }

  std::string node_of(const IpAddress& address) const {
    if (cluster_ == nullptr) return {};
    for (const Lan& lan : cluster_->lans) {
      for (const LanNode& node : lan.nodes) {
        if (node.address.ip() == address || node.local_address.ip() == address) return node.node;
      }
    }
    return {};
  }

  const Section& section_;
  const Value* timeout_;
  const ClusterConfig* cluster_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::optional<EtcdEndpoint> EtcdEndpoint::parse(std::string_view url) {
  const bool is_secure = url.starts_with("https://");
  if (!is_secure && !url.starts_with("http://")) return std::nullopt;
  std::string_view rest = url.substr(is_secure ? 8 : 7);
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = rest.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_number = failure == std::errc{} && end == digits.data() + digits.size() && port != 0;
  const std::string_view host = rest.substr(0, colon);
  const auto address = IpAddress::parse(host);
  if (!is_number || !address || (!address->is_v4() && !host.starts_with('['))) return std::nullopt;
  if (address->is_unspecified() || address->is_multicast()) return std::nullopt;
  return EtcdEndpoint{std::string{url}, *address, port, is_secure};
}

void check_splitbrain(const Section& splitbrain, const Value* timeout, const ClusterConfig* cluster,
                      Diagnostics& diagnostics) {
  SplitbrainRules{splitbrain, timeout, cluster, diagnostics}.check();
}

SplitbrainConfig build_splitbrain(const Section& splitbrain) {
  SplitbrainConfig config;
  const std::string& exec = splitbrain["exec"].text;
  const std::string& ident = splitbrain["ident"].text;
  const std::string& arg = splitbrain["arg"].text;
  if (exec == "witness") {
    config.witness =
        WitnessConfig{ident, *IpAddress::parse(arg), static_cast<std::uint16_t>(splitbrain["port"].number)};
  } else if (exec == "etcd") {
    config.etcd = EtcdConfig{ident,
                             {},
                             splitbrain["etcd_prefix"].text,
                             splitbrain["etcd_ca"].text,
                             splitbrain["etcd_cert"].text,
                             splitbrain["etcd_key"].text,
                             splitbrain["etcd_user_file"].text};
    for (const std::string_view word : words_of(arg)) config.etcd->endpoints.push_back(*EtcdEndpoint::parse(word));
  } else {
    config.ping = PingConfig{ident, {}};
    for (const std::string_view word : words_of(arg)) config.ping->targets.push_back(*IpAddress::parse(word));
  }
  return config;
}

}  // namespace clusteragent::config
