// The lock on a working folder: what the kernel says counts, what the file says is advice.

#include "store/lock.h"

#include "expected_errors.h"
#include "io/file.h"
#include "temporary_folder.h"
#include "unprivileged.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nepenthe::store {
namespace {

using testing::TemporaryFolder;

// A lock that names a process of another host.
void leave_lock(const TemporaryFolder& folder) {
    folder.write("lock", R"({"host":"node-a","job":"","pid":1,"since":"2026-01-01T00:00:00Z"})");
}

TEST(FolderLock, IsTakenFromAJobThatIsGoneWhereverItWas) {
    TemporaryFolder folder;
    leave_lock(folder);
    {
        const FolderLock lock(folder.path());
        const std::string text = io::read_file(folder.path() / "lock");
        EXPECT_EQ(text.find("node-a"), std::string::npos);
        testing::expect_contains(text, fmt::format("\"pid\":{}", ::getpid()));
    }
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "lock"));
}

TEST(FolderLock, IsRefusedWhileAnotherHoldsIt) {
    TemporaryFolder folder;
    const FolderLock first(folder.path());
    const std::string message = testing::message_of(ErrorKind::kUsage, [&] { FolderLock second(folder.path()); });
    testing::expect_contains(message, fmt::format("process {}", ::getpid()));
    testing::expect_contains(message, "another job works on");
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "lock"));
}

TEST(FolderLock, OfAKilledProcessOnAnotherHostIsFree) {
    TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        // Another host, as far as the file can tell.
        const int flags = ::getuid() == 0 ? CLONE_NEWUTS : CLONE_NEWUSER | CLONE_NEWUTS;
        if (::unshare(flags) != 0 || ::sethostname("node-a", 6) != 0) ::_exit(2);
        const FolderLock lock(folder.path());
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "host names need root or user namespaces; exit code " << WEXITSTATUS(status);
    testing::expect_contains(io::read_file(folder.path() / "lock"), "node-a");
    EXPECT_NO_THROW(FolderLock{folder.path()});
}

TEST(FolderLock, WithAnUnreadableHolderIsFree) {
    TemporaryFolder folder;
    for (const char* text : {"", "{\"host\":\"node", "[]", "{\"host\":1,\"job\":[],\"pid\":\"x\",\"since\":null}"}) {
        folder.write("lock", text);
        EXPECT_NO_THROW(FolderLock{folder.path()}) << text;
    }
}

TEST(FolderLock, ThatMayNotBeWrittenIsReplaced) {
    TemporaryFolder folder;
    leave_lock(folder);
    ASSERT_EQ(::chmod((folder.path() / "lock").c_str(), 0444), 0);
    EXPECT_EQ(testing::exit_code_without_rights([&] { FolderLock lock(folder.path()); }), 0);
}

TEST(LocksStayOnHost, ReadsTheOptionsOfItsOwnMount) {
    const std::string_view mounts =
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:45 / /nfs rw,relatime - nfs4 server:/x rw,vers=4.2,local_lock=none,addr=10.0.0.1\n"
        "41 22 0:46 / /old rw,relatime shared:7 - nfs server:/y rw,vers=3,nolock,proto=tcp\n"
        "42 22 0:47 / /half rw - nfs server:/z rw,vers=3,local_lock=flock\n"
        "43 22 0:48 / /lustre rw - lustre 10.0.0.1@tcp:/scratch rw,localflock,lazystatfs\n"
        "44 22 0:49 / /lustre2 rw - lustre 10.0.0.1@tcp:/work rw,flock,lazystatfs\n";
    for (const unsigned shared : {45u, 49u, 99u}) EXPECT_FALSE(locks_stay_on_host(mounts, makedev(0, shared)));
    EXPECT_FALSE(locks_stay_on_host(mounts, makedev(8, 1)));
    for (const unsigned local : {46u, 47u, 48u}) EXPECT_TRUE(locks_stay_on_host(mounts, makedev(0, local)));
    EXPECT_FALSE(locks_stay_on_host("", makedev(0, 46)));
}

}  // namespace
}  // namespace nepenthe::store
