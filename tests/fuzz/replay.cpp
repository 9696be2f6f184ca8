// Replays a corpus and seeded mutations of it: what libFuzzer does, small enough for every test run, and the same
// inputs each time.
//
//     TARGET CORPUS_FOLDER [MUTATIONS [SEED]]
//
// On a crash, an escaped exception or a hang the input is left in crash-<target> in the working folder.

#include "base/error.h"
#include "base/random.h"
#include "fuzz/target.h"
#include "io/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace nepenthe::fuzz {
namespace {

constexpr std::size_t kMaxInput = 64u << 10;
constexpr unsigned kHangSeconds = 10;

// What parsers stumble over, as bytes to put in anywhere.
constexpr std::array<std::string_view, 40> kSnippets{"0",
                                                     "-1",
                                                     "1",
                                                     "2",
                                                     "1e400",
                                                     "-0.0",
                                                     "0.5",
                                                     "4294967296",
                                                     "2147483648",
                                                     "9223372036854775807",
                                                     "9223372036854775808",
                                                     "18446744073709551615",
                                                     "18446744073709551616",
                                                     "null",
                                                     "true",
                                                     "NaN",
                                                     "\"\"",
                                                     "\"\\ud800\"",
                                                     "\"\\u0000\"",
                                                     "[]",
                                                     "{}",
                                                     "[",
                                                     "]",
                                                     "{",
                                                     "}",
                                                     ",",
                                                     ":",
                                                     "\"",
                                                     "\\",
                                                     "../x",
                                                     "/",
                                                     "\r\n",
                                                     "\n",
                                                     "\xEF\xBB\xBF",
                                                     "\xED\xA0\x80",
                                                     "\xFF",
                                                     "\xF0\x9F",
                                                     std::string_view("\0", 1),
                                                     "[[[[[[[[[[[[[[[[",
                                                     "                "};

// The input under test, for the handler of a crash.
std::string current_input;
std::string crash_name;

void leave_input(int signal_number) {
    const int fd = ::open(crash_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const ssize_t written = ::write(fd, current_input.data(), current_input.size());
    static_cast<void>(written);
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
}

class Mutator {
  public:
    Mutator(const std::vector<std::string>& corpus, std::uint64_t seed) : corpus_(corpus), seed_(seed) {}

    // Mutation `id` of the corpus, a pure function of the seed and the id.
    std::string make(std::uint64_t id) const {
        RandomStream random(seed_, "fuzz", id);
        std::string input = corpus_[random.below(corpus_.size())];
        for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) change(input, random);
        if (input.size() > kMaxInput) input.resize(kMaxInput);
        return input;
    }

  private:
    void change(std::string& input, RandomStream& random) const {
        const std::size_t at = random.below(input.size() + 1);
        const std::size_t length = std::min<std::size_t>(random.below(16) + 1, input.size() - at);
        switch (random.below(8)) {
            case 0:
                if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
                break;
            case 1:
                if (at < input.size()) input[at] = static_cast<char>(random.below(256));
                break;
            case 2: input.erase(at, length); break;
            case 3: input.insert(at, input.substr(at, length)); break;
            case 4: input.insert(at, kSnippets[random.below(kSnippets.size())]); break;
            case 5: input.replace(at, length, kSnippets[random.below(kSnippets.size())]); break;
            case 6: replace_value(input, at, random); break;
            default: {
                const std::string& other = corpus_[random.below(corpus_.size())];
                const std::size_t from = random.below(other.size() + 1);
                input.replace(at, length, other.substr(from, random.below(64)));
            }
        }
    }

    // Replaces what stands between two pieces of JSON punctuation, so that the structure survives.
    static void replace_value(std::string& input, std::size_t at, RandomStream& random) {
        constexpr std::string_view punctuation = ",:[]{}";
        const std::size_t before = input.find_first_of(punctuation, at);
        if (before == std::string::npos) return;
        const std::size_t after = std::min(input.find_first_of(punctuation, before + 1), input.size());
        input.replace(before + 1, after - before - 1, kSnippets[random.below(kSnippets.size())]);
    }

    const std::vector<std::string>& corpus_;
    std::uint64_t seed_;
};

// A small input that asks for gigabytes is a finding. Sanitizers have limits of their own, and need far more.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    constexpr rlim_t kMost = 2ul << 30;
    const rlimit limit{kMost, kMost};
    if (::setrlimit(RLIMIT_DATA, &limit) != 0) std::perror("setrlimit");
#endif
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> corpus;
    for (const auto& path : paths) corpus.push_back(io::read_file(path));
    if (corpus.empty()) fail(ErrorKind::kData, "{}: no inputs", folder.string());
    return corpus;
}

void run(const std::string& input) {
    current_input = input;
    ::alarm(kHangSeconds);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current_input.data()), current_input.size());
    ::alarm(0);
}

}  // namespace
}  // namespace nepenthe::fuzz

int main(int argc, char** argv) {
    using namespace nepenthe::fuzz;
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS_FOLDER [MUTATIONS [SEED]]\n", argv[0]);
        return 64;
    }
    limit_memory();
    crash_name = "crash-" + std::filesystem::path(argv[0]).filename().string();
    for (const int signal_number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) {
        ::signal(signal_number, leave_input);
    }
    const std::uint64_t mutations = argc > 2 ? std::stoull(argv[2]) : 0;
    const std::vector<std::string> corpus = read_corpus(argv[1]);
    const Mutator mutator(corpus, argc > 3 ? std::stoull(argv[3]) : 0);
    for (const std::string& input : corpus) run(input);
    for (std::uint64_t id = 0; id < mutations; ++id) run(mutator.make(id));
    std::printf("%zu inputs and %llu mutations\n", corpus.size(), static_cast<unsigned long long>(mutations));
    return 0;
}
