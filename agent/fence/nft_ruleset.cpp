#include "agent/fence/nft_ruleset.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "agent/base/assert.hpp"

namespace clusteragent::fence {
namespace {

// As many as agent/vip takes. An element is 48 bytes at most and all of a set go into one message, which so stays below
// the room that is kept free for the next one.
constexpr std::size_t addresses_max = 64;
constexpr std::size_t message_bytes_max = 4096;
// NFT_NAME_MAXLEN is 256; the module's own name is limited by its configuration.
constexpr std::size_t table_name_max = 128;
// Before connection tracking and translation, so that nothing rewrites the address first.
constexpr std::int32_t raw_priority = -300;
// Key types as nft(8) numbers them; the kernel only keeps them, `nft list` shows addresses by them.
constexpr std::uint32_t type_ipv4_addr = 7;
constexpr std::uint32_t type_ipv6_addr = 8;

constexpr std::uint32_t inet_in_hook = NF_INET_PRE_ROUTING;
constexpr std::uint32_t inet_out_hook = NF_INET_LOCAL_OUT;
constexpr std::uint32_t arp_in_hook = NF_ARP_IN;
constexpr std::uint32_t arp_out_hook = NF_ARP_OUT;

/// One address family's half of the rules.
struct Half {
  bool is_v4 = true;
  const char* virtual_set = "virtual4";
  const char* permit_set = "permit4";
  std::uint32_t key_type = type_ipv4_addr;
  std::uint32_t key_bytes = 4;
};
constexpr Half half4{};
constexpr Half half6{false, "virtual6", "permit6", type_ipv6_addr, 16};

/// A table's family and the half it carries.
struct Site {
  std::uint16_t family = NFPROTO_INET;
  Half half;
};

bool has_family(const Addresses& addresses, bool is_v4) {
  return std::any_of(addresses.begin(), addresses.end(), [is_v4](const auto& one) { return one.is_v4() == is_v4; });
}

std::vector<Site> sites_of(const Addresses& addresses) {
  std::vector<Site> sites;
  CLUSTERAGENT_ASSERT(addresses.size() <= addresses_max);
  if (has_family(addresses, true)) sites.insert(sites.end(), {{NFPROTO_INET, half4}, {NFPROTO_ARP, half4}});
  if (has_family(addresses, false)) sites.push_back({NFPROTO_INET, half6});
  return sites;
}

std::vector<std::uint16_t> families_of(const Addresses& addresses) {
  std::vector<std::uint16_t> families{NFPROTO_INET};
  if (has_family(addresses, true)) families.push_back(NFPROTO_ARP);
  return families;
}

class BatchWriter {
 public:
  BatchWriter() : bytes_(message_bytes_max) { advance(nftnl_batch_begin(at(), ++sequence_)); }

  template <typename Fill>
  void add(std::uint16_t type, std::uint16_t family, std::uint16_t flags, Fill fill) {
    nlmsghdr* header = nftnl_nlmsg_build_hdr(at(), type, family, flags, ++sequence_);
    fill(header);
    last_ = size_;
    advance(header);
  }

  /// One acknowledgement, for the last message: refusals come for any.
  Batch finish() {
    reinterpret_cast<nlmsghdr*>(bytes_.data() + last_)->nlmsg_flags |= NLM_F_ACK;
    advance(nftnl_batch_end(at(), ++sequence_));
    bytes_.resize(size_);
    return std::move(bytes_);
  }

 private:
  char* at() { return reinterpret_cast<char*>(bytes_.data() + size_); }
  void advance(const nlmsghdr* header) {
    size_ += NLMSG_ALIGN(header->nlmsg_len);
    CLUSTERAGENT_ASSERT(size_ <= bytes_.size());
    bytes_.resize(size_ + message_bytes_max);
  }

  Batch bytes_;
  std::size_t size_ = 0;
  std::size_t last_ = 0;
  std::uint32_t sequence_ = 0;
};

void add_table(BatchWriter& batch, std::uint16_t family, const std::string& name, std::uint16_t type) {
  const std::unique_ptr<nftnl_table, decltype(&nftnl_table_free)> table{nftnl_table_alloc(), &nftnl_table_free};
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  const std::uint16_t flags = type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0;
  batch.add(type, family, flags, [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

using SetPointer = std::unique_ptr<nftnl_set, decltype(&nftnl_set_free)>;

SetPointer make_set(const std::string& table, const char* name) {
  SetPointer set{nftnl_set_alloc(), &nftnl_set_free};
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name);
  return set;
}

void add_set(BatchWriter& batch, const Site& site, const std::string& table, const char* name, std::uint32_t flags) {
  const SetPointer set = make_set(table, name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, site.family);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, site.half.key_type);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, site.half.key_bytes);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, flags);
  // Unique within the batch is all that the kernel asks for.
  static constexpr std::uint32_t id_step = 16;
  const bool is_permit = (flags & NFT_SET_TIMEOUT) != 0;
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID,
                    site.family * id_step + (site.half.is_v4 ? 0U : 2U) + (is_permit ? 1U : 0U));
  batch.add(NFT_MSG_NEWSET, site.family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void add_elements(BatchWriter& batch, const Site& site, const std::string& table, const char* name,
                  const Addresses& addresses, std::chrono::milliseconds timeout) {
  const SetPointer set = make_set(table, name);
  for (const auto& address : addresses) {
    if (address.is_v4() != site.half.is_v4) continue;
    nftnl_set_elem* element = nftnl_set_elem_alloc();
    if (address.is_v4()) {
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, address.to_v4().to_bytes().data(), site.half.key_bytes);
    } else {
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, address.to_v6().to_bytes().data(), site.half.key_bytes);
    }
    if (timeout.count() > 0) {
      nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(timeout.count()));
    }
    nftnl_set_elem_add(set.get(), element);  // the set owns it now
  }
  batch.add(NFT_MSG_NEWSETELEM, site.family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

void flush_elements(BatchWriter& batch, const Site& site, const std::string& table, const char* name) {
  const SetPointer set = make_set(table, name);
  batch.add(NFT_MSG_DELSETELEM, site.family, 0,
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

void add_chain(BatchWriter& batch, std::uint16_t family, const std::string& table, const char* name,
               std::uint32_t hook) {
  const std::unique_ptr<nftnl_chain, decltype(&nftnl_chain_free)> chain{nftnl_chain_alloc(), &nftnl_chain_free};
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, hook);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, raw_priority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  batch.add(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE,
            [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

/// A rule that ends in drop, or in accept, put together from conditions.
class Rule {
 public:
  Rule(const Site& site, const std::string& table, const char* chain)
      : site_{site}, rule_{nftnl_rule_alloc(), &nftnl_rule_free} {
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table.c_str());
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, site.family);
  }

  Rule& if_meta(std::uint32_t key, std::uint8_t value) {
    nftnl_expr* expression = nftnl_expr_alloc("meta");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, NFT_REG_1);
    add(expression);
    return equals(&value, sizeof value);
  }
  /// Of an IPv4 or IPv6 packet in the inet table; ARP tables see ARP only.
  Rule& if_family() {
    return if_meta(NFT_META_NFPROTO, site_.half.is_v4 ? std::uint8_t{NFPROTO_IPV4} : std::uint8_t{NFPROTO_IPV6});
  }
  Rule& if_bytes(std::uint32_t base, std::uint32_t offset, const std::vector<std::uint8_t>& value) {
    return load(base, offset, static_cast<std::uint32_t>(value.size())).equals(value.data(), value.size());
  }
  Rule& if_muted(std::uint32_t base, std::uint32_t offset) {
    return load(base, offset, site_.half.key_bytes)
        .lookup(site_.half.virtual_set, false)
        .lookup(site_.half.permit_set, true);
  }
  Rule& if_not_virtual(std::uint32_t base, std::uint32_t offset) {
    return load(base, offset, site_.half.key_bytes).lookup(site_.half.virtual_set, true);
  }
  Rule& if_destination_is_local() {
    nftnl_expr* expression = nftnl_expr_alloc("fib");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    add(expression);
    const std::uint32_t local = RTN_LOCAL;
    return equals(&local, sizeof local);
  }

  /// One bit of a byte is set.
  Rule& if_flag(std::uint32_t base, std::uint32_t offset, std::uint8_t flag) {
    load(base, offset, sizeof flag);
    nftnl_expr* expression = nftnl_expr_alloc("bitwise");
    const std::uint8_t nothing = 0;
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, sizeof flag);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, &flag, sizeof flag);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, &nothing, sizeof nothing);
    add(expression);
    return equals(&flag, sizeof flag);
  }

  void append_to(BatchWriter& batch, std::uint32_t end = NF_DROP) {
    nftnl_expr* verdict = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, end);
    add(verdict);
    batch.add(NFT_MSG_NEWRULE, site_.family, NLM_F_CREATE | NLM_F_APPEND,
              [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule_.get()); });
  }

 private:
  void add(nftnl_expr* expression) { nftnl_rule_add_expr(rule_.get(), expression); }  // the rule owns it now

  Rule& load(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes) {
    nftnl_expr* expression = nftnl_expr_alloc("payload");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, bytes);
    add(expression);
    return *this;
  }
  Rule& equals(const void* value, std::size_t bytes) {
    nftnl_expr* expression = nftnl_expr_alloc("cmp");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
    nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, value, static_cast<std::uint32_t>(bytes));
    add(expression);
    return *this;
  }
  Rule& lookup(const char* set, bool is_inverted) {
    nftnl_expr* expression = nftnl_expr_alloc("lookup");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set);
    if (is_inverted) nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    add(expression);
    return *this;
  }

  Site site_;
  std::unique_ptr<nftnl_rule, decltype(&nftnl_rule_free)> rule_;
};

constexpr std::uint32_t network = NFT_PAYLOAD_NETWORK_HEADER;
constexpr std::uint32_t transport = NFT_PAYLOAD_TRANSPORT_HEADER;

void add_ip_rules(BatchWriter& batch, const Site& site, const std::string& table) {
  const std::uint32_t source = site.half.is_v4 ? 12 : 8;
  const std::uint32_t destination = site.half.is_v4 ? 16 : 24;
  Rule{site, table, "in"}.if_family().if_muted(network, destination).if_destination_is_local().append_to(batch);
  // It serves nobody: a client learns that its connection is over.
  constexpr std::uint32_t flags = 13;
  constexpr std::uint8_t rst = 0x04;
  Rule{site, table, "out"}
      .if_family()
      .if_muted(network, source)
      .if_meta(NFT_META_L4PROTO, IPPROTO_TCP)
      .if_flag(transport, flags, rst)
      .append_to(batch, NF_ACCEPT);
  Rule{site, table, "out"}.if_family().if_muted(network, source).append_to(batch);
  if (site.half.is_v4) return;
  constexpr std::uint32_t target = 8;  // of a solicitation and an advertisement alike, RFC 4861 §4.3, §4.4
  const auto discovery = [&](const char* chain, std::uint8_t type) {
    Rule{site, table, chain}
        .if_family()
        .if_meta(NFT_META_L4PROTO, IPPROTO_ICMPV6)
        .if_bytes(transport, 0, {type})
        .if_muted(transport, target)
        .append_to(batch);
  };
  discovery("in", ND_NEIGHBOR_SOLICIT);
  discovery("out", ND_NEIGHBOR_ADVERT);
}

void add_arp_rules(BatchWriter& batch, const Site& site, const std::string& table) {
  constexpr std::uint32_t operation = 6;
  constexpr std::uint32_t sender = 14;
  constexpr std::uint32_t target = 24;
  Rule{site, table, "in"}
      .if_bytes(network, operation, {0, 1})
      .if_muted(network, target)
      .if_not_virtual(network, sender)
      .append_to(batch);
  Rule{site, table, "out"}.if_muted(network, sender).append_to(batch);
}

}  // namespace

std::string table_name(const std::string& module) {
  std::string name = "clusteragent_" + module.substr(0, table_name_max);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char one) { return std::isalnum(one) == 0; }, '_');
  return name;
}

Batch creation_batch(const std::string& table, const Addresses& addresses, std::chrono::milliseconds permit) {
  BatchWriter batch;
  for (const std::uint16_t family : families_of(addresses)) {
    // Adding first makes the removal succeed whether or not a former life left the table.
    add_table(batch, family, table, NFT_MSG_NEWTABLE);
    add_table(batch, family, table, NFT_MSG_DELTABLE);
    add_table(batch, family, table, NFT_MSG_NEWTABLE);
    const bool is_arp = family == NFPROTO_ARP;
    add_chain(batch, family, table, "in", is_arp ? arp_in_hook : inet_in_hook);
    add_chain(batch, family, table, "out", is_arp ? arp_out_hook : inet_out_hook);
  }
  for (const Site& site : sites_of(addresses)) {
    add_set(batch, site, table, site.half.virtual_set, 0);
    add_elements(batch, site, table, site.half.virtual_set, addresses, {});
    add_set(batch, site, table, site.half.permit_set, NFT_SET_TIMEOUT);
    if (permit.count() > 0) add_elements(batch, site, table, site.half.permit_set, addresses, permit);
    site.family == NFPROTO_ARP ? add_arp_rules(batch, site, table) : add_ip_rules(batch, site, table);
  }
  return batch.finish();
}

Batch permit_batch(const std::string& table, const Addresses& addresses, std::chrono::milliseconds timeout) {
  BatchWriter batch;
  for (const Site& site : sites_of(addresses)) {
    flush_elements(batch, site, table, site.half.permit_set);
    if (timeout.count() > 0) add_elements(batch, site, table, site.half.permit_set, addresses, timeout);
  }
  return batch.finish();
}

Batch removal_batch(const std::string& table, const Addresses& addresses) {
  BatchWriter batch;
  for (const std::uint16_t family : families_of(addresses)) {
    add_table(batch, family, table, NFT_MSG_NEWTABLE);
    add_table(batch, family, table, NFT_MSG_DELTABLE);
  }
  return batch.finish();
}

}  // namespace clusteragent::fence
