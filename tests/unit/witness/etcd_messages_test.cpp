// What is said to etcd's gateway and how its answers are read; the answers are those of etcd 3.4.
#include "agent/witness/etcd_messages.hpp"

#include <gmock/gmock.h>

namespace clusteragent::witness {
namespace {

using testing::HasSubstr;

const std::string header = R"("header":{"cluster_id":"14841639068965178418","member_id":"1","revision":"41"})";

std::string problem_of(const RegisterRequest& request, const std::string& body) {
  const auto response = decode_etcd(request, body);
  return response ? "taken" : response.error().message;
}

TEST(EtcdMessages, reads_linearizably) {
  const EtcdMessage message = encode_etcd("a/b", Read{});
  EXPECT_EQ(message.target, "/v3/kv/range");
  EXPECT_EQ(message.body, R"({"key":"YS9i"})");
}

TEST(EtcdMessages, swaps_only_what_was_read_and_reads_otherwise) {
  const EtcdMessage message = encode_etcd("a/b", Swap{17, "{}"});
  EXPECT_EQ(message.target, "/v3/kv/txn");
  EXPECT_EQ(message.body, R"({"compare":[{"key":"YS9i","mod_revision":"17","result":"EQUAL","target":"MOD"}],)"
                          R"("failure":[{"request_range":{"key":"YS9i"}}],)"
                          R"("success":[{"request_put":{"key":"YS9i","value":"e30="}}]})");
}

TEST(EtcdMessages, understands_a_key_and_its_absence) {
  const auto there = decode_etcd(
      Read{}, "{" + header + R"(,"kvs":[{"key":"YS9i","mod_revision":"40","value":"aGVsbG8="}],"count":"1"})");
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ(there->reading.cluster_id, 14841639068965178418U);
  EXPECT_EQ(there->reading.revision, 41);
  EXPECT_EQ(there->reading.mod_revision, 40);
  EXPECT_EQ(there->reading.value, "hello");
  EXPECT_FALSE(there->has_swapped);
  const auto absent = decode_etcd(Read{}, "{" + header + "}");
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->reading.mod_revision, 0);
}

TEST(EtcdMessages, understands_both_ends_of_a_swap) {
  const auto taken = decode_etcd(Swap{}, "{" + header + R"(,"succeeded":true,"responses":[{"response_put":{}}]})");
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->has_swapped);
  EXPECT_EQ(taken->reading.revision, 41);
  // What is false is left out.
  const auto lost = decode_etcd(
      Swap{}, "{" + header + R"(,"responses":[{"response_range":{"kvs":[{"mod_revision":"39","value":"eA=="}]}}]})");
  ASSERT_TRUE(lost) << lost.error().message;
  EXPECT_FALSE(lost->has_swapped);
  EXPECT_EQ(lost->reading.mod_revision, 39);
  EXPECT_EQ(lost->reading.value, "x");
}

TEST(EtcdMessages, refuses_what_is_not_etcds) {
  for (const std::string& body :
       {std::string{}, std::string{"<html>"}, std::string{"[]"}, std::string{"{}"},
        std::string{R"({"header":{"revision":"4"}})"}, std::string{R"({"header":{"cluster_id":"1","revision":"-4"}})"},
        std::string{R"({"header":{"cluster_id":1,"revision":"4"}})"}}) {
    EXPECT_THAT(problem_of(Read{}, body), HasSubstr("not etcd's")) << body;
    EXPECT_THAT(problem_of(Swap{}, body), HasSubstr("not etcd's")) << body;
  }
  for (const std::string rest : {R"("kvs":[{},{}])", R"("kvs":[7])", R"("kvs":[{"value":"eA=="}])",
                                 R"("kvs":[{"mod_revision":"3","value":"?"}])", R"("kvs":{})"}) {
    EXPECT_THAT(problem_of(Read{}, "{" + header + "," + rest + "}"), HasSubstr("not etcd's")) << rest;
  }
  for (const std::string rest : {R"("succeeded":1)", R"("responses":[])", R"("responses":[{"response_put":{}}])"}) {
    EXPECT_THAT(problem_of(Swap{}, "{" + header + "," + rest + "}"), HasSubstr("not etcd's")) << rest;
  }
}

TEST(EtcdMessages, says_what_to_do_about_a_failure) {
  EXPECT_THAT(describe_etcd_failure(503, R"({"error":"etcdserver: mvcc: database space exceeded","code":8})"),
              HasSubstr("automatic compaction"));
  EXPECT_THAT(describe_etcd_failure(400, R"({"error":"etcdserver: user name is empty","code":3})"),
              HasSubstr("etcd_user_file"));
  EXPECT_THAT(describe_etcd_failure(503, R"({"error":"etcdserver: no leader","code":14})"), HasSubstr("majority"));
  EXPECT_THAT(describe_etcd_failure(404, "404 page not found"), HasSubstr("HTTP status 404"));
  EXPECT_TRUE(is_etcd_login_over(401, R"({"error":"etcdserver: invalid auth token","code":16})"));
  EXPECT_FALSE(is_etcd_login_over(401, R"({"error":"etcdserver: permission denied","code":7})"));
}

TEST(EtcdMessages, logs_in) {
  EXPECT_EQ(encode_etcd_login("ha", "x\"y").body, R"({"name":"ha","password":"x\"y"})");
  EXPECT_EQ(*decode_etcd_login("{" + header + R"(,"token":"abc.1"})"), "abc.1");
  EXPECT_FALSE(decode_etcd_login("{" + header + "}"));
}

}  // namespace
}  // namespace clusteragent::witness
