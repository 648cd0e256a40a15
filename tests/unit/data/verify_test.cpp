#include <gtest/gtest.h>

#include "agent/data/filesync/stream/verify_report.hpp"
#include "agent/data/filesync/wire/verify_payload.hpp"

namespace clusteragent::filesync {
namespace {

VerifyReport with(std::initializer_list<Difference> found, bool repairs = false) {
  VerifyReport report;
  report.state = VerifyState::done;
  report.repairs = repairs;
  for (const Difference& each : found) add_difference(report, each);
  return report;
}

TEST(VerifyReport, ranges_that_follow_each_other_are_one_difference) {
  const VerifyReport report =
      with({{"a", "content", 0, 10}, {"a", "content", 10, 5}, {"a", "content", 20, 5}, {"b", "content", 25, 5}});
  EXPECT_EQ(report.differences, 3U);
  ASSERT_EQ(report.first.size(), 3U);
  EXPECT_EQ(report.first[0], (Difference{"a", "content", 0, 15}));
  EXPECT_EQ(report.repaired, 0U);
}

TEST(VerifyReport, keeps_the_first_and_counts_all) {
  VerifyReport report;
  for (std::uint64_t at = 0; at < 100; ++at) add_difference(report, {"file " + std::to_string(at), "mode"});
  EXPECT_EQ(report.differences, 100U);
  EXPECT_EQ(report.first.size(), differences_kept_max);
  EXPECT_NE(text_of_differences(report).find("and 90 more"), std::string::npos);
}

TEST(VerifyReport, counts_repairs_where_it_is_of_repairs) {
  EXPECT_EQ(with({{"a", "mode"}, {"b", "owner"}}, true).repaired, 2U);
}

TEST(VerifyReport, is_read_as_it_was_written) {
  VerifyReport report = with({{"a", "mode"}, {"b", "content", 65536, 65536}}, true);
  report.started_ms = 1'700'000'000'000;
  report.lasted_ms = 1234;
  report.files = 7;
  report.bytes = 8;
  report.bytes_all = 9;
  EXPECT_EQ(verify_report(to_json(report)), report);
}

TEST(VerifyReport, one_that_was_under_way_when_the_engine_died_has_ended) {
  const VerifyReport read = verify_report(to_json(VerifyReport{}));
  EXPECT_EQ(read.state, VerifyState::ended);
  EXPECT_EQ(read.reason, "the engine ended");
  EXPECT_EQ(verify_report(nlohmann::json::parse("[1]")).state, VerifyState::ended);
  EXPECT_EQ(verify_report(nlohmann::json::parse(R"({"state": 3})")).reason, "what is kept of it cannot be read");
}

TEST(VerifyReport, says_what_to_do_about_a_difference) {
  const std::string text = summary_of(with({{"a\nb", "content", 0, 10}}), "/srv/data");
  EXPECT_NE(text.find("copy of /srv/data differs in 1 place: \"a?b\" (content, 10 bytes at 0)"), std::string::npos)
      << text;
  EXPECT_NE(text.find("clusteragent rfs verify --repair"), std::string::npos);
  EXPECT_NE(summary_of(with({}), "/srv/data").find("both copies of /srv/data are equal"), std::string::npos);
}

TEST(VerifyPayload, is_read_as_it_was_written) {
  const VerifiedNames names{{"a", FileId{5}}, {"b \xff", FileId{7}}};
  EXPECT_EQ(unpack_verified_names(pack(names).bytes()), names);
  const NamesAnswer answer{3, {{NameFault::missing, "a"}, {NameFault::extra, "b"}}};
  EXPECT_EQ(unpack_names_answer(pack(answer).bytes()), answer);
}

TEST(VerifyPayload, names_that_lead_elsewhere_and_torn_ones_are_malformed) {
  EXPECT_FALSE(unpack_verified_names(pack(VerifiedNames{{"../a", FileId{5}}}).bytes()));
  EXPECT_FALSE(unpack_names_answer(pack(NamesAnswer{1, {{NameFault::extra, ".."}}}).bytes()));
  EXPECT_FALSE(unpack_names_answer(pack(NamesAnswer{0, {{NameFault::extra, "a"}}}).bytes()));
  const Packer whole = pack(VerifiedNames{{"abc", FileId{5}}});
  EXPECT_FALSE(unpack_verified_names(whole.bytes().first(whole.bytes().size() - 1)));
  EXPECT_FALSE(unpack_names_answer({}));
}

TEST(VerifyPayload, entry_faults_have_words) {
  EXPECT_EQ(text_of_entry_faults(fault_mode | fault_xattrs), "mode, extended attributes");
}

}  // namespace
}  // namespace clusteragent::filesync
