#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/config/document.hpp"
#include "agent/config/table.hpp"
#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

using Show = ConfigTest;
using Hash = ConfigTest;

const std::string plain =
    R"(<safe><service mode="mirror"><heart pulse="1000"><heartbeat name="default"/></heart><user/></service></safe>)";

TEST_F(Show, marks_what_is_set_and_what_is_default) {
  load("<safe>\n<service mode=\"mirror\"><heart pulse=\"1s\">\n<heartbeat name=\"default\"/></heart></service></safe>");
  ASSERT_TRUE(module_);
  EXPECT_EQ(show(*module_),
            "# effective values of userconfig.xml\n"
            "service.mode                     = mirror    # set, line 2\n"
            "service.defaultprim              = alone     # default\n"
            "service.failover                 = on        # default\n"
            "service.maxloop                  = 3         # default\n"
            "service.loop_interval            = 24 h      # default\n"
            "service.boot                     = ignore    # default\n"
            "service.boot_delay               = 0 s       # default\n"
            "service.automatic_reboot         = off       # default\n"
            "heart.port                       = 8888      # default\n"
            "heart.pulse                      = 1000 ms   # set, line 2\n"
            "heart.timeout                    = 30000 ms  # default\n"
            "heart.restart_grace              = 10 s      # default\n"
            "heart.heartbeat[default].name    = default   # set, line 3\n"
            "heart.heartbeat[default].ident   = default   # default: as heartbeat.name\n"
            "heart.heartbeat[default].pulse   = 1000 ms   # default: as heart.pulse\n"
            "heart.heartbeat[default].timeout = 30000 ms  # default: as heart.timeout\n");
}

TEST_F(Show, names_the_watchdog_where_one_is_set) {
  load(
      "<safe><service mode=\"mirror\"><heart watchdog=\"/dev/watchdog1\"><heartbeat "
      "name=\"default\"/></heart></service>"
      "</safe>");
  ASSERT_TRUE(module_);
  EXPECT_EQ(module_->heart.watchdog, "/dev/watchdog1");
  EXPECT_NE(show(*module_).find("= /dev/watchdog1"), std::string::npos);
}

TEST_F(Show, says_so_when_the_module_cannot_start) {
  load_service("<rfs mountover=\"on\" scripts=\"on\"><replicated dir=\"/d\"/></rfs><user/>");
  ASSERT_TRUE(module_);
  EXPECT_NE(show(*module_).find("= 2048 KB"), std::string::npos);
  EXPECT_NE(show(*module_).find("# not startable: <rfs scripts=\"on\"> (line"), std::string::npos);
  EXPECT_NE(show(*module_).find("; has no effect\n"), std::string::npos);
}

TEST_F(Show, is_valid_json) {
  load_service(R"(<user><var name="A" value="a &quot;b&quot; \ &#10;c"/></user>)");
  ASSERT_TRUE(module_);
  const auto json = nlohmann::json::parse(show_json(*module_));
  EXPECT_EQ(json["file"], "userconfig.xml");
  EXPECT_EQ(json["values"][0]["path"], "service.mode");
  EXPECT_EQ(json["values"][0]["source"], "set");
  EXPECT_EQ(json["values"][1]["source"], "default");
  EXPECT_EQ(json["values"].back()["value"], "a \"b\" \\ \nc");
  const auto nodes = nlohmann::json::parse(show_json(cluster_))["nodes"];
  EXPECT_EQ(nodes[1], "beta");
  EXPECT_NE(show(cluster_).find("# node 1: beta\n"), std::string::npos);
}

TEST_F(Hash, does_not_depend_on_the_way_of_writing) {
  const std::uint64_t hash = hash_of(plain);
  EXPECT_EQ(
      hash,
      hash_of(R"(<!DOCTYPE safe><safe><!-- c --><service failover="on" mode='mirror'> <heart timeout="30s" pulse="1s">
      <heartbeat ident="default" name="default" pulse="1000"/></heart><user logging="userlog"></user></service>
      </safe>)"));
  EXPECT_EQ(hash, hash_of(R"(<safe><macro name="p" value="1000"/><service mode="mirror"><heart pulse="%p%">
      <heartbeat name="default"/></heart><user/></service></safe>)"));
}

TEST_F(Hash, changes_with_every_value_that_both_nodes_share) {
  std::vector<std::uint64_t> seen{hash_of(plain)};
  const std::vector<std::pair<std::string, std::string>> changes{
      {"pulse=\"1000\"", "pulse=\"1001\""},
      {"\"mirror\"", "\"mirror\" failover=\"off\""},
      {"name=\"default\"", "name=\"private\""},
      {"<user/>", ""},
      {"<user/>", "<user starttimeout=\"1\"/>"},
      {"<heart ", "<heart port=\"8889\" "},
      {"<user/>", "<user><var name=\"A\" value=\"1\"/></user>"}};
  for (const auto& [from, to] : changes) {
    std::string text = plain;
    text.replace(text.find(from), from.size(), to);
    const std::uint64_t hash = hash_of(text);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), hash), 0) << to;
    seen.push_back(hash);
  }
}

TEST_F(Hash, covers_the_networks_that_the_module_uses) {
  const std::uint64_t hash = hash_of(plain);
  std::string other = two_nodes;
  other.replace(other.find("10.0.2.2"), 8, "10.0.2.3");
  load_cluster(other);
  EXPECT_EQ(hash, hash_of(plain));
  other.replace(other.find("10.0.1.2"), 8, "10.0.1.3");
  load_cluster(other);
  EXPECT_NE(hash, hash_of(plain));
}

TEST_F(Hash, is_the_same_in_every_build) {
  EXPECT_EQ(hash_of(plain), 16412607308143491426ULL);
}

TEST(Table, is_consistent) {
  for (const AttributeRow& row : attribute_rows()) {
    const std::string name = std::string{row.element} + "." + std::string{row.name};
    EXPECT_FALSE(row.description.empty()) << name;
    EXPECT_EQ(find_attribute(row.element, row.name), &row) << name << " stands twice or apart from its element";
    const auto elements = element_rows();
    EXPECT_TRUE(std::any_of(elements.begin(), elements.end(), [&](const ElementRow& e) {
      return e.name == row.element;
    })) << name;
    const bool needs_note = row.standing == Standing::ignored || row.standing == Standing::default_only;
    EXPECT_EQ(needs_note && row.note.empty(), false) << name;
    if (row.fallback.empty()) continue;
    Diagnostics diagnostics{"table"};
    EXPECT_TRUE(read_value(row, row.fallback, {}, diagnostics).is_valid) << name << ": the default is not allowed";
    EXPECT_EQ(read_value(row, row.fallback, {}, diagnostics).text, default_value(row, {}).text) << name;
    EXPECT_EQ(joined(diagnostics.take()), "") << name;
  }
  for (const ElementRow& row : element_rows()) {
    EXPECT_EQ(row.standing == Standing::refused, !row.note.empty()) << row.name;
    if (row.key.empty()) continue;
    EXPECT_NE(find_attribute(row.name, row.key), nullptr) << row.name;
  }
}

const std::string language = CLUSTERAGENT_USERCONFIG_DIR;

TEST(Reference, is_what_the_table_says) {
  const auto committed = read_file(language + "/reference.md");
  ASSERT_TRUE(committed.ok()) << committed.error().message;
  const std::string fresh = reference_markdown();
  const std::string path = ::testing::TempDir() + "clusteragent-reference.md";
  if (*committed != fresh) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    ASSERT_NE(out, nullptr);
    std::fputs(fresh.c_str(), out);
    std::fclose(out);
  }
  EXPECT_TRUE(*committed == fresh) << "userconfig/reference.md is stale; copy " << path << " over it";
}

TEST(Examples, are_free_of_errors) {
  const auto cluster_text = read_file(language + "/example-cluster.xml");
  ASSERT_TRUE(cluster_text.ok()) << cluster_text.error().message;
  const auto cluster = parse_cluster(*cluster_text, "example-cluster.xml");
  ASSERT_TRUE(cluster.value) << joined(cluster.diagnostics);
  EXPECT_EQ(joined(cluster.diagnostics), "");
  std::vector<ModuleConfig> modules;
  for (const char* name : {"example-mirror.xml", "example-two-networks.xml", "example-etcd.xml"}) {
    const auto text = read_file(language + "/" + name);
    ASSERT_TRUE(text.ok()) << text.error().message;
    const auto module = parse_module(*text, name, &*cluster.value);
    ASSERT_TRUE(module.value) << joined(module.diagnostics);
    EXPECT_EQ(joined(module.diagnostics), "");
    EXPECT_TRUE(module.value->start_refusals.empty());
    modules.push_back(*module.value);
  }
  EXPECT_EQ(joined(check_modules(modules)), "");
}

TEST(ReadFile, says_what_is_wrong_with_a_file) {
  EXPECT_NE(
      read_file("/nonexistent/x.xml").error().message.find("cannot read /nonexistent/x.xml: there is no such file"),
      std::string::npos);
  EXPECT_NE(read_file("/").error().message.find("not a regular file"), std::string::npos);
  EXPECT_NE(read_file("/dev/zero").error().message.find("not a regular file"), std::string::npos);
  const std::string path = ::testing::TempDir() + "clusteragent-large.xml";
  std::FILE* out = std::fopen(path.c_str(), "w");
  ASSERT_NE(out, nullptr);
  for (std::size_t i = 0; i <= file_bytes_max; ++i) std::fputc(' ', out);
  std::fclose(out);
  EXPECT_NE(read_file(path).error().message.find("more than 1048576 bytes"), std::string::npos);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace clusteragent::config::testing
