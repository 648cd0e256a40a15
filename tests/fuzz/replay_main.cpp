// Runs a fuzz target over a corpus without libFuzzer, so that every build and every sanitizer exercises it.
//
// Purpose: a target is fed each file of the given folders and files, then a bounded number of mutations of each, drawn
// from a fixed seed so that a failure comes back. A target fails by crashing; an empty corpus fails, too, because it
// would show nothing. Usage: fuzz_NAME_replay [--mutations N] PATH...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Enough to reach every branch near a corpus file, and still a few seconds under the slowest sanitizer.
constexpr std::size_t mutations_default = 200;

/// splitmix64: the same sequence in every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }

 private:
  std::uint64_t state_;
};

/// One to four slips: a byte changed, a piece cut out, repeated or the end lost.
void mutate(Bytes& input, Random& random) {
  const std::size_t slips = 1 + random.below(4);
  for (std::size_t i = 0; i < slips && !input.empty(); ++i) {
    const std::size_t at = random.below(input.size());
    const std::size_t length = std::min(1 + random.below(16), input.size() - at);
    const auto from = input.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = from + static_cast<std::ptrdiff_t>(length);
    switch (random.below(4)) {
      case 0: {
        *from = static_cast<std::uint8_t>(random.next());
        break;
      }
      case 1: {
        input.erase(from, to);
        break;
      }
      case 2: {
        const Bytes piece(from, to);
        const std::size_t target = random.below(input.size());
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(target), piece.begin(), piece.end());
        break;
      }
      default: {
        input.resize(at);
        break;
      }
    }
  }
}

std::vector<std::filesystem::path> files_of(const std::vector<std::string>& arguments) {
  std::vector<std::filesystem::path> files;
  for (const std::string& argument : arguments) {
    if (!std::filesystem::is_directory(argument)) {
      files.emplace_back(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{argument}) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::size_t mutations = mutations_default;
  if (arguments.size() >= 2 && arguments[0] == "--mutations") {
    mutations = std::strtoul(arguments[1].c_str(), nullptr, 10);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  const auto files = files_of(arguments);
  std::size_t runs = 0;
  for (const auto& path : files) {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      return 1;
    }
    const Bytes input{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
    LLVMFuzzerTestOneInput(input.data(), input.size());
    Random random{input.size() + 1};
    for (std::size_t i = 0; i < mutations; ++i) {
      Bytes mutated = input;
      mutate(mutated, random);
      LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
    }
    runs += 1 + mutations;
  }
  std::printf("%zu files, %zu inputs\n", files.size(), runs);
  if (files.empty()) std::fprintf(stderr, "the corpus is empty: nothing was tested\n");
  return files.empty() ? 1 : 0;
}
