// Read-only sources, targets and folders, met by a user whom permissions bind; and what killed writes leave behind.

#include "expected_errors.h"
#include "io/atomic_write.h"
#include "io/file.h"
#include "io/output_file.h"
#include "io/safetensors.h"
#include "io/writable.h"
#include "temporary_folder.h"
#include "unprivileged.h"

#include <sys/stat.h>

#include <set>
#include <string>
#include <vector>

namespace nepenthe::io {
namespace {

using testing::exit_code_without_rights;
using testing::TemporaryFolder;

constexpr int kInputOutput = static_cast<int>(ErrorKind::kInputOutput);

TEST(ReadOnlySource, CanBeCopiedOverItsOwnCopy) {
    TemporaryFolder folder;
    const auto source = folder.write("source.json", "{}"), copy = folder.path() / "copy.json";
    ASSERT_EQ(::chmod(source.c_str(), 0444), 0);
    EXPECT_EQ(exit_code_without_rights([&] {
                  copy_file_atomically(source, copy);
                  copy_file_atomically(source, copy);
              }),
              0);
    EXPECT_EQ(read_file(copy), "{}");
    struct stat status {};
    ASSERT_EQ(::stat(copy.c_str(), &status), 0);
    EXPECT_NE(status.st_mode & S_IWUSR, 0u);
}

TEST(ReadOnlyTarget, IsReplacedWhereItsFolderAllowsIt) {
    TemporaryFolder folder;
    const auto left = folder.write("model.safetensors", "what an earlier run left");
    ASSERT_EQ(::chmod(left.c_str(), 0444), 0);
    const std::vector<TensorToWrite> tensors{{"w", DType::kU8, {1}, as_bytes(std::string_view("t"))}};
    EXPECT_EQ(exit_code_without_rights([&] { write_safetensors(left, tensors, {}); }), 0);
    EXPECT_EQ(SafetensorsFile(left).order(), (std::vector<std::string>{"w"}));
}

TEST(RequireWritable, LooksAtTheNearestFolderThatExists) {
    TemporaryFolder folder;
    const auto closed = folder.path() / "closed", open = folder.path() / "open", file = folder.write("file", "");
    std::filesystem::create_directory(closed);
    std::filesystem::create_directory(open);
    ASSERT_EQ(::chmod(closed.c_str(), 0555), 0);
    EXPECT_EQ(exit_code_without_rights([&] { require_writable(open / "a" / "b"); }), 0);
    EXPECT_EQ(exit_code_without_rights([&] { require_writable(closed); }), kInputOutput);
    EXPECT_EQ(exit_code_without_rights([&] { require_writable(closed / "a" / "b"); }), kInputOutput);
    testing::expect_contains(testing::message_of(ErrorKind::kInputOutput, [&] { require_writable(file / "a"); }),
                             "choose another folder");
}

TEST(TemporaryFiles, OfKilledWritesAreRemovedAndNothingElse) {
    TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() / "below");
    for (const char* name :
         {".config.json.tmp-123-0", "below/.a.tmp-7-12", "config.json", ".hidden", ".a.tmp-x", "a.tmp-1-2", ".a.tmp-1"})
        folder.write(name, "x");
    remove_temporary_files(folder.path());
    std::set<std::string> left;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
        left.insert(entry.path().filename());
    EXPECT_EQ(left, (std::set<std::string>{"below", "config.json", ".hidden", ".a.tmp-x", "a.tmp-1-2", ".a.tmp-1"}));
}

}  // namespace
}  // namespace nepenthe::io
