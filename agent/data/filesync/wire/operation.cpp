#include "agent/data/filesync/wire/operation.hpp"

#include "agent/data/filesync/wire/packer.hpp"

namespace clusteragent::filesync {
namespace {

bool is_known(std::uint16_t op) {
  const auto is_in = [op](Op first, Op last) {
    return op >= static_cast<std::uint16_t>(first) && op <= static_cast<std::uint16_t>(last);
  };
  return is_in(Op::hello, Op::ping) || is_in(Op::write, Op::create_unnamed) ||
         is_in(Op::manifest_begin, Op::checkpoint) || is_in(Op::ack, Op::adopted) ||
         is_in(Op::verify_names, Op::repair_extra) || op == static_cast<std::uint16_t>(Op::verified);
}

}  // namespace

std::array<std::byte, head_bytes> write_head(const Head& head) {
  std::array<std::byte, head_bytes> bytes{};
  std::byte* at = bytes.data();
  const auto put = [&at](auto value) {
    store_little(at, value);
    at += sizeof value;
  };
  put(head.payload_bytes);
  put(static_cast<std::uint16_t>(head.op));
  put(head.flags);
  put(head.sequence.value());
  put(head.file.value());
  put(head.offset);
  put(head.extra);
  return bytes;
}

std::optional<Head> read_head(std::span<const std::byte, head_bytes> bytes) {
  Unpacker from{bytes};
  Head head;
  head.payload_bytes = from.number<std::uint32_t>();
  const auto op = from.number<std::uint16_t>();
  head.flags = from.number<std::uint16_t>();
  head.sequence = Sequence{from.number<std::uint64_t>()};
  head.file = FileId{from.number<std::uint64_t>()};
  head.offset = from.number<std::uint64_t>();
  head.extra = from.number<std::uint64_t>();
  if (head.payload_bytes > payload_bytes_max || !is_known(op)) return std::nullopt;
  head.op = static_cast<Op>(op);
  return head;
}

}  // namespace clusteragent::filesync
