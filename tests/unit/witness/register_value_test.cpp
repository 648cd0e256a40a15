// The line of JSON that two nodes keep in etcd: what is read back, and what is refused.
#include "agent/witness/register_value.hpp"

#include <gmock/gmock.h>

namespace clusteragent::witness {
namespace {

using testing::HasSubstr;

const RegisterValue full{{Epoch{7}, Revision{2}, NodeId{1}, core::NodeSet::both()},
                         Epoch{9},
                         NodeId{0},
                         RegisterPromise{NodeId{1}, std::chrono::milliseconds{300}}};

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  return text.replace(at, from.size(), to);
}

std::string refusal_of(const std::string& text) {
  const auto value = decode_register(text);
  return value ? "taken" : value.error().message;
}

TEST(RegisterValue, is_read_back_as_written) {
  RegisterValue free = full;
  free.promise.reset();
  for (const RegisterValue& value : {full, free, RegisterValue{}}) {
    const auto back = decode_register(encode_register(value));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, value);
  }
}

TEST(RegisterValue, keeps_its_form) {
  EXPECT_EQ(encode_register(full),
            R"({"epoch":7,"format":1,"holder":1,"promise":{"holder":1,"lease_ns":300000000},"revision":2,"sync_set":3,)"
            R"("voted_epoch":9,"voted_for":0})");
}

TEST(RegisterValue, of_a_register_that_nobody_wrote_is_the_first_one) {
  EXPECT_EQ(*decode_register(""), RegisterValue{});
}

TEST(RegisterValue, refuses_another_format) {
  EXPECT_THAT(refusal_of(with(encode_register(full), "\"format\":1", "\"format\":2")), HasSubstr("of format 2"));
  EXPECT_THAT(refusal_of("{}"), HasSubstr("no format"));
}

TEST(RegisterValue, refuses_what_it_would_not_write) {
  const std::string text = encode_register(full);
  EXPECT_THAT(refusal_of(text.substr(0, text.size() - 1)), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal_of("lock held by somebody"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal_of(text + std::string(1024, ' ')), HasSubstr("at most 1024"));
  EXPECT_THAT(refusal_of(with(text, "\"epoch\":7,", "")), HasSubstr("a field is missing"));
  EXPECT_THAT(refusal_of(with(text, "\"epoch\":7", "\"epoch\":-7")), HasSubstr("out of range"));
  EXPECT_THAT(refusal_of(with(text, "\"holder\":1,", "\"holder\":2,")), HasSubstr("out of range"));
  EXPECT_THAT(refusal_of(with(text, "{\"epoch\"", "{\"extra\":1,\"epoch\"")), HasSubstr("foreign"));
  EXPECT_THAT(refusal_of(with(text, "\"sync_set\":3", "\"sync_set\":0")), HasSubstr("contradict"));
  EXPECT_THAT(refusal_of(with(text, "\"voted_epoch\":9", "\"voted_epoch\":6")), HasSubstr("contradict"));
  EXPECT_THAT(refusal_of(with(text, "300000000", "3600000000001")), HasSubstr("lease_ns"));
  EXPECT_THAT(refusal_of(with(text, "{\"holder\":1,\"lease_ns\"", "{\"lease_ns\"")), HasSubstr("neither null"));
  EXPECT_THAT(refusal_of(with(text, "{\"holder\":1,\"lease_ns\":300000000}", "true")), HasSubstr("neither null"));
}

}  // namespace
}  // namespace clusteragent::witness
