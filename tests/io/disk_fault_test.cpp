// What the disk refuses is refused with its reason, and nothing half-written is left under a published name.

#include "expected_errors.h"
#include "io/file.h"
#include "io/output_file.h"
#include "io/safetensors.h"
#include "io/small_disk.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <thread>
#include <vector>

namespace nepenthe::io {
namespace {

using testing::expect_contains;
using testing::message_of;

constexpr std::uint64_t kDiskBytes = 256u << 10;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
    return names;
}

TEST(FullDisk, LeavesTheOldFileAndNoOther) {
    testing::TemporaryFolder folder;
    SmallDisk disk(folder.path(), kDiskBytes);
    const auto path = folder.path() / "results.json";
    write_file_atomically(path, "old");
    const std::string large(2 * kDiskBytes, 'x');
    const std::string message = message_of(ErrorKind::kInputOutput, [&] { write_file_atomically(path, large); });
    expect_contains(message, "results.json");
    expect_contains(message, "No space left on device");
    expect_contains(message, "bytes free");
    EXPECT_EQ(read_file(path), "old");
    EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"results.json"}));
    write_file_atomically(path, "new");  // the space was given back
    EXPECT_EQ(read_file(path), "new");
}

TEST(FullDisk, RefusesSafetensorsAtEverySize) {
    testing::TemporaryFolder folder;
    SmallDisk disk(folder.path(), kDiskBytes);
    const std::string tensor(kDiskBytes, 't');
    for (const std::size_t bytes : {kDiskBytes, kDiskBytes - 1, kDiskBytes - 64}) {
        const std::vector<TensorToWrite> tensors{
            {"w", DType::kU8, {static_cast<std::int64_t>(bytes)}, as_bytes(std::string_view(tensor).substr(0, bytes))}};
        const auto path = folder.path() / "model.safetensors";
        expect_contains(message_of(ErrorKind::kInputOutput, [&] { write_safetensors(path, tensors, {}); }),
                        "model.safetensors");
        // What was left is cut short, and says so when it is read.
        message_of(ErrorKind::kData, [&] { SafetensorsFile file(path); });
    }
}

TEST(ReadOnlyDisk, IsNamed) {
    testing::TemporaryFolder folder;
    SmallDisk disk(folder.path(), kDiskBytes);
    const auto path = folder.path() / "a";
    write_file_atomically(path, "old");
    disk.make_read_only();
    expect_contains(message_of(ErrorKind::kInputOutput, [&] { write_file_atomically(path, "new"); }),
                    "Read-only file system");
    EXPECT_EQ(read_file(path), "old");
}

TEST(FileSizeLimit, IsAnErrorNotASignal) {
    testing::TemporaryFolder folder;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit limited = before;
    limited.rlim_cur = 1000;
    ::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
    const auto path = folder.path() / "a";
    const std::string message =
        message_of(ErrorKind::kInputOutput, [&] { write_file_atomically(path, std::string(5000, 'x')); });
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_contains(message, "File too large");
    EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(OutputFile, WritesAllThroughInterruptionsAndShortWrites) {
    // A pipe takes some kilobytes at a time, and a signal every millisecond cuts into the waiting.
    testing::TemporaryFolder folder;
    const auto path = folder.path() / "pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    std::string sent(3'000'000, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 % 251);

    sigset_t alarms, before;
    ::sigemptyset(&alarms);
    ::sigaddset(&alarms, SIGALRM);
    ::pthread_sigmask(SIG_BLOCK, &alarms, &before);  // inherited by the reader: the writer takes the signals
    std::string received;
    std::thread reader([&] {
        const Descriptor source(::open(path.c_str(), O_RDONLY));
        std::vector<char> buffer(10'000);
        while (const std::size_t count = read_some(source.get(), buffer.data(), buffer.size(), path)) {
            received.append(buffer.data(), count);
            std::this_thread::sleep_for(std::chrono::microseconds(300));
        }
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    static volatile sig_atomic_t interruptions = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interruptions = interruptions + 1; };
    ASSERT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
    const itimerval every_millisecond{{0, 1000}, {0, 1000}}, never{};
    {
        OutputFile file(path, OutputFile::Mode::kAppend);
        ASSERT_EQ(::setitimer(ITIMER_REAL, &every_millisecond, nullptr), 0);
        file.write(sent);
        ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
        file.close();
    }
    reader.join();
    EXPECT_GT(interruptions, 10);
    EXPECT_EQ(received, sent);
}

}  // namespace
}  // namespace nepenthe::io
