// Frames and payloads: what is written is read back, and what is cut or leads elsewhere is refused.
#include "agent/data/filesync/wire/payload.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace clusteragent::filesync {
namespace {

const NewFile link{"name \xff", S_IFLNK | 0777, 7, 8, 9, "../target"};

ManifestEntry entry() {
  return {FileId{1}, FileId{12}, link, 1ULL << 40, {{"user.a", std::string("\0b", 2)}, {"user.c", ""}}};
}

template <typename Value, typename Read>
void expect_whole_or_nothing(const Value& value, Read read) {
  const Packer packed = pack(value);
  EXPECT_EQ(read(packed.bytes()), value);
  for (std::size_t size = 0; size < packed.bytes().size(); ++size)
    EXPECT_FALSE(read(packed.bytes().first(size)).has_value()) << size;
}

TEST(Payload, reads_back_what_it_wrote_and_nothing_less) {
  expect_whole_or_nothing(Hello{protocol_version, "module", "node1", 7, {true, {1, 2}, {3, 4}}, "/a, /b"},
                          unpack_hello);
  expect_whole_or_nothing(link, unpack_new_file);
  expect_whole_or_nothing(AttributeChange{mode_t{0640}, std::pair{1U, 2U}, Times{{3, 4}, {-5, 6}}}, unpack_attributes);
  expect_whole_or_nothing(entry(), unpack_manifest_entry);
}

TEST(Payload, reads_back_doubts_or_nothing) {
  const Doubts doubts{{FileId{1}, 2}, {FileId{3}, Doubt::whole}};
  const Packer packed = pack(std::span{doubts});
  EXPECT_EQ(unpack_doubts(packed.bytes()), doubts);
  EXPECT_EQ(unpack_doubts({}), Doubts{});
  EXPECT_FALSE(unpack_doubts(packed.bytes().first(packed.bytes().size() - 1)));
}

TEST(Payload, takes_no_name_that_leads_out_of_its_folder) {
  for (const std::string& name :
       {std::string{}, std::string{"."}, std::string{".."}, std::string{"a/b"}, std::string("a\0b", 3)}) {
    NewFile file = link;
    file.name = name;
    EXPECT_FALSE(unpack_new_file(pack(file).bytes())) << name;
    ManifestEntry listed = entry();
    listed.made.name = name;
    EXPECT_FALSE(unpack_manifest_entry(pack(listed).bytes())) << name;
  }
}

TEST(Payload, reads_the_version_of_a_hello_that_it_does_not_know) {
  Hello newer{protocol_version + 1, "module", "node1", 7, {}, "/a"};
  const auto read = unpack_hello(pack(newer).bytes());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, protocol_version + 1);
}

TEST(Frame, head_reads_back_and_refuses_what_it_does_not_know) {
  const Head head{77, Op::allocate, 3, Sequence{5}, FileId{6}, 7, 8};
  auto bytes = write_head(head);
  EXPECT_EQ(read_head(bytes), head);
  bytes[4] = std::byte{200};
  EXPECT_FALSE(read_head(bytes));
  EXPECT_FALSE(read_head(write_head({static_cast<std::uint32_t>(payload_bytes_max + 1), Op::write})));
}

}  // namespace
}  // namespace clusteragent::filesync
