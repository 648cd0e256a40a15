// The journal says after a crash at least what was announced before it, or that nothing is known.
#include "agent/data/filesync/store/journal.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace clusteragent::filesync {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr HistoryId history{11, 22};

Touched data(std::uint64_t file, std::uint64_t offset, std::uint64_t bytes = 1) {
  Touched touched;
  touched.file = FileId{file};
  touched.begin = offset;
  touched.end = offset + bytes;
  return touched;
}

Touched name(std::uint64_t folder, std::string_view name) {
  Touched touched;
  touched.slots = {Slot{FileId{folder}, slot_name(name)}};
  return touched;
}

Entry extent(std::uint64_t file, std::uint64_t number) {
  return {Entry::Kind::extent, FileId{file}, number};
}

struct JournalTest : testing::Test {
  JournalTest() {
    std::string pattern = (fs::temp_directory_path() / "journal-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~JournalTest() override { fs::remove_all(folder); }

  std::unique_ptr<Journal> begun(const std::vector<Entry>& known = {}) {
    auto journal =
        std::make_unique<Journal>(folder, history, [this](const std::string& reason) { failures.push_back(reason); });
    EXPECT_TRUE(journal->begin(known));
    return journal;
  }
  std::optional<std::vector<Entry>> read() const { return Journal::read(folder, history); }
  std::string content() const {
    std::ifstream in{folder + "/journal", std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void put(const std::string& text) const { std::ofstream{folder + "/journal", std::ios::binary} << text; }

  std::string folder;
  std::vector<std::string> failures;
};

TEST_F(JournalTest, has_on_disk_what_was_announced_when_announce_returns) {
  const auto journal = begun();
  EXPECT_THAT(*read(), IsEmpty());
  journal->announce(data(7, extent_bytes - 1, 2));
  EXPECT_THAT(*read(), UnorderedElementsAre(extent(7, 0), extent(7, 1)));
  journal->announce(name(3, "name"));
  EXPECT_THAT(*read(), Contains(Entry{Entry::Kind::names, FileId{3}, slot_name("name") % name_groups}));
  Touched cut = data(9, 100, 0);
  cut.to_the_end = true;
  journal->announce(cut);
  EXPECT_THAT(*read(), Contains(Entry{Entry::Kind::file, FileId{9}, 0}));
}

TEST_F(JournalTest, writes_nothing_for_what_it_has) {
  const auto journal = begun();
  journal->announce(data(7, 0));
  const std::string before = content();
  for (int turn = 0; turn < 1000; ++turn) journal->announce(data(7, static_cast<std::uint64_t>(turn)));
  EXPECT_EQ(content(), before);
}

TEST_F(JournalTest, spares_what_is_in_a_place_that_was_announced) {
  const auto journal = begun();
  journal->announce(name(3, "made"));
  journal->made(FileId{8});
  journal->announce(data(8, 0));
  journal->announce(name(8, "inside"));
  EXPECT_EQ(read()->size(), 1U);
  EXPECT_TRUE(journal->has(data(8, 0)));
  journal->next_generation();
  EXPECT_FALSE(journal->has(data(8, 0))) << "the entry for its place may go before this is durable";
  journal->announce(data(8, 0));
  EXPECT_THAT(*read(), Contains(extent(8, 0)));
}

TEST_F(JournalTest, is_read_by_its_own_history_alone) {
  begun()->announce(data(7, 0));
  EXPECT_TRUE(read());
  EXPECT_FALSE(Journal::read(folder, {11, 23}));
  EXPECT_FALSE(Journal::read(folder, {12, 22}));
  EXPECT_FALSE(Journal::read(folder + "/absent", history));
}

TEST_F(JournalTest, takes_no_file_that_was_cut_anywhere) {
  begun({extent(1, 1), extent(2, 2)});
  const std::string whole = content();
  for (std::size_t size = 0; size < 200; ++size) {
    put(whole.substr(0, size));
    EXPECT_FALSE(read()) << size;
  }
  put(whole.substr(0, whole.size() - 1));
  EXPECT_FALSE(read());
}

TEST_F(JournalTest, ignores_a_torn_end_and_refuses_damage_before_it) {
  begun({extent(1, 1), extent(2, 2), extent(3, 3)});
  const std::string whole = content();
  constexpr std::size_t record = 32;
  for (std::size_t at = 0; at < 5 * record; ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    put(damaged);
    if (at < 4 * record)
      EXPECT_FALSE(read()) << at;
    else
      EXPECT_EQ(read()->size(), 2U) << at;
  }
}

TEST_F(JournalTest, goes_on_from_what_it_knew) {
  begun({extent(1, 1)})->announce(data(2, 0));
  EXPECT_THAT(*read(), UnorderedElementsAre(extent(1, 1), extent(2, 0)));
}

TEST_F(JournalTest, drops_only_what_was_not_announced_since) {
  const auto journal = begun();
  journal->announce(data(1, 0));
  journal->announce(data(2, 0));
  journal->keep(FileId{3});
  const std::uint64_t generation = journal->next_generation();
  journal->announce(data(2, 0));
  journal->drop_before(generation);
  EXPECT_FALSE(journal->has(data(1, 0)));
  EXPECT_TRUE(journal->has(data(2, 0)));
  // Fills the file, which is written anew without what was dropped.
  for (std::uint64_t each = 0; each < 9; ++each) journal->announce(data(100 + each, 0, 4000 * extent_bytes));
  EXPECT_THAT(*read(), Not(Contains(extent(1, 0))));
  EXPECT_THAT(*read(), Contains(extent(2, 0)));
  EXPECT_THAT(*read(), Contains(Entry{Entry::Kind::file, FileId{3}, 0}));
  EXPECT_EQ(read()->size(), 2U + 9 * 4000);
}

TEST_F(JournalTest, says_everything_where_there_is_too_much) {
  const auto journal = begun();
  for (std::uint64_t each = 0; each < 132; ++each) journal->announce(data(100 + each, 0, 4000 * extent_bytes));
  EXPECT_THAT(*read(), testing::ElementsAre(Entry{}));
  EXPECT_TRUE(journal->has(data(5, 0)));
}

TEST_F(JournalTest, has_all_that_several_threads_announced) {
  const auto journal = begun();
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&journal, thread] {
      for (std::uint64_t each = 0; each < 200; ++each) journal->announce(data(thread, each * extent_bytes));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read()->size(), 800U);
}

TEST_F(JournalTest, tells_once_that_it_cannot_be_written_and_holds_up_nobody) {
  const auto journal = begun();
  // The file of 1 MiB exists; a larger one is not to be had.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1'500'000;
  ::setrlimit(RLIMIT_FSIZE, &small);
  for (std::uint64_t each = 0; each < 20; ++each) journal->announce(data(100 + each, 0, 4000 * extent_bytes));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_THAT(failures[0], testing::HasSubstr(folder + "/journal"));
  EXPECT_TRUE(journal->has_failed());
}

}  // namespace
}  // namespace clusteragent::filesync
