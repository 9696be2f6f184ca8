#include "io/file.h"

#include "expected_errors.h"
#include "io/output_file.h"
#include "temporary_folder.h"

#include <sys/stat.h>

#include <algorithm>

namespace nepenthe::io {
namespace {

using testing::expect_contains;
using testing::message_of;

std::size_t entries_of(const std::filesystem::path& folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(ReadFile, GivesAllBytes) {
    testing::TemporaryFolder folder;
    std::string bytes(300'001, 'x');
    bytes[17] = '\0';
    const auto path = folder.write("a", bytes);
    EXPECT_EQ(read_file(path), bytes);
    EXPECT_EQ(read_file(folder.write("empty", "")), "");
    EXPECT_EQ(MappedFile(path).text(), bytes);
    EXPECT_EQ(MappedFile(folder.path() / "empty").bytes().size(), 0u);
}

TEST(ReadFile, ReadsWhereTheSizeIsNotKnownBefore) {
    // Files of /proc claim to hold 0 bytes.
    EXPECT_GT(read_file("/proc/self/maps").size(), 100u);
}

TEST(ReadFile, RefusesBeyondTheLimit) {
    testing::TemporaryFolder folder;
    const auto path = folder.write("a", "12345");
    EXPECT_EQ(read_file(path, 5), "12345");
    expect_contains(message_of(ErrorKind::kData, [&] { read_file(path, 4); }), "5 bytes");
    message_of(ErrorKind::kData, [&] { read_file("/proc/self/maps", 10); });
}

TEST(ReadFile, NamesWhatIsNotARegularFile) {
    testing::TemporaryFolder folder;
    expect_contains(message_of(ErrorKind::kInputOutput, [&] { read_file(folder.path() / "none"); }), "none");
    expect_contains(message_of(ErrorKind::kInputOutput, [&] { MappedFile(folder.path() / "none"); }), "none");
    expect_contains(message_of(ErrorKind::kData, [&] { read_file(folder.path()); }), "a folder");
    expect_contains(message_of(ErrorKind::kData, [&] { MappedFile("/dev/null"); }), "a device");
    ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
    // Would wait for a writer for ever if it were opened plainly.
    expect_contains(message_of(ErrorKind::kData, [&] { read_file(folder.path() / "fifo"); }), "a pipe");
}

TEST(MappedFile, OutlivesTheObjectThroughItsOwner) {
    testing::TemporaryFolder folder;
    const auto path = folder.write("a", "hello");
    std::shared_ptr<const void> owner;
    std::string_view text;
    {
        const MappedFile file(path);
        owner = file.owner();
        text = file.text();
    }
    std::filesystem::remove(path);
    EXPECT_EQ(text, "hello");
}

TEST(MappedFile, FollowsNoLinkOutOfAFolder) {
    testing::TemporaryFolder folder, outside;
    outside.write("secret", "s");
    std::filesystem::create_symlink(outside.path() / "secret", folder.path() / "link");
    EXPECT_EQ(MappedFile(folder.path() / "link").text(), "s");  // the user's own path
    expect_contains(message_of(ErrorKind::kData, [&] { MappedFile(folder.path(), "link"); }), "symbolic link");
}

TEST(MappedFile, FollowsLinksOutOfAFolderWhereTheUserSaysSo) {
    testing::TemporaryFolder folder, outside;
    outside.write("weights", "w");
    std::filesystem::create_symlink(outside.path() / "weights", folder.path() / "link");
    std::filesystem::create_symlink("loop", folder.path() / "loop");
    const auto refusal = [&](const char* name, ErrorKind kind) {
        return message_of(kind, [&] { MappedFile(folder.path(), name); });
    };
    expect_contains(refusal("link", ErrorKind::kData), "--allow-links");
    expect_contains(refusal("loop", ErrorKind::kData), "--allow-links");
    allow_links(true);
    EXPECT_EQ(MappedFile(folder.path(), "link").text(), "w");
    refusal("loop", ErrorKind::kInputOutput);
    allow_links(false);
    expect_contains(refusal("link", ErrorKind::kData), "symbolic link");
}

TEST(MappedFile, FollowsALinkToAFileBesideIt) {
    testing::TemporaryFolder folder;
    folder.write("weights", "w");
    std::filesystem::create_symlink("weights", folder.path() / "link");
    EXPECT_EQ(MappedFile(folder.path(), "link").text(), "w");
    std::filesystem::create_symlink("link", folder.path() / "second");
    message_of(ErrorKind::kData, [&] { MappedFile(folder.path(), "second"); });
}

TEST(MappedFile, FollowsTheLinksOfAHubCache) {
    testing::TemporaryFolder root;
    const auto blobs = root.path() / "models--a--b/blobs";
    const auto snapshot = root.path() / "models--a--b/snapshots/0123abcd";
    std::filesystem::create_directories(blobs);
    std::filesystem::create_directories(snapshot);
    root.write("models--a--b/blobs/00ff", "weights");
    root.write("secret", "s");
    std::filesystem::create_symlink("../../blobs/00ff", snapshot / "model.safetensors");
    std::filesystem::create_symlink(std::filesystem::canonical(blobs) / "00ff", snapshot / "absolute.safetensors");
    std::filesystem::create_directory(snapshot / "part");
    std::filesystem::create_symlink("../../../blobs/00ff", snapshot / "part/model.safetensors");
    std::filesystem::create_symlink("../../../secret", snapshot / "escape");
    std::filesystem::create_symlink("../../blobs/../../secret", snapshot / "escape2");
    std::filesystem::create_symlink("../../secret", blobs / "01");
    std::filesystem::create_symlink("../../blobs/01", snapshot / "escape3");
    EXPECT_EQ(MappedFile(snapshot, "model.safetensors").text(), "weights");
    EXPECT_EQ(MappedFile(snapshot, "absolute.safetensors").text(), "weights");
    EXPECT_EQ(MappedFile(snapshot / "part", "model.safetensors").text(), "weights");
    for (const char* name : {"escape", "escape2", "escape3"}) {
        expect_contains(message_of(ErrorKind::kData, [&] { MappedFile(snapshot, name); }), "symbolic link");
    }
}

TEST(FileDigest, IsThatOfTheBytes) {
    testing::TemporaryFolder folder;
    const std::string bytes(3'000'000, 'q');
    EXPECT_EQ(file_digest(folder.write("a", bytes)), sha256_hex(bytes));
}

TEST(WriteFileAtomically, ReplacesTheWholeFileAndLeavesNothingElse) {
    testing::TemporaryFolder folder;
    const auto path = folder.path() / "a";
    write_file_atomically(path, "first, and longer");
    write_file_atomically(path, "second");
    EXPECT_EQ(read_file(path), "second");
    EXPECT_EQ(entries_of(folder.path()), 1u);
}

TEST(WriteFileAtomically, LeavesAFailureWithoutATrace) {
    testing::TemporaryFolder folder;
    const auto path = folder.path() / "taken";
    std::filesystem::create_directories(path / "inside");
    expect_contains(message_of(ErrorKind::kInputOutput, [&] { write_file_atomically(path, "x"); }), "taken");
    EXPECT_EQ(entries_of(folder.path()), 1u);
    message_of(ErrorKind::kInputOutput, [&] { write_file_atomically(folder.path() / "none/a", "x"); });
}

TEST(OutputFile, KeepsToItsMode) {
    testing::TemporaryFolder folder;
    const auto path = folder.path() / "a";
    OutputFile(path, OutputFile::Mode::kNew).write("one");
    message_of(ErrorKind::kInputOutput, [&] { OutputFile(path, OutputFile::Mode::kNew); });
    OutputFile(path, OutputFile::Mode::kAppend).write("two");
    EXPECT_EQ(read_file(path), "onetwo");
    OutputFile(path, OutputFile::Mode::kReplace).write("three");
    EXPECT_EQ(read_file(path), "three");
}

TEST(FreeBytes, AsksTheNearestExistingParent) {
    testing::TemporaryFolder folder;
    EXPECT_GT(free_bytes(folder.path()), 0u);
    EXPECT_GT(free_bytes(folder.path() / "not/yet/there"), 0u);
}

}  // namespace
}  // namespace nepenthe::io
