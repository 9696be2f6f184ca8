#include "io/line_process.h"

#include "base/error.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace nepenthe::io {

namespace {

constexpr std::size_t kLongestLine = 256u << 20;
constexpr std::size_t kLastWords = 400;  // bytes of standard error that are shown
constexpr auto kPatience = std::chrono::seconds(1);

// A file without a name, for what a program writes to standard error.
Descriptor nameless_file() {
    std::string name = (std::filesystem::temp_directory_path() / "nepenthe-").string() + std::string(6, 'X');
    Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file.valid()) fail_errno("create", name, errno);
    ::unlink(name.c_str());
    return file;
}

}  // namespace

LineProcess::LineProcess(const std::vector<std::string>& words) : errors_(nameless_file()) {
    // Sockets rather than pipes: writing to a program that has gone is an answer there, not a signal.
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("start", words.at(0), errno);
    channel_ = Descriptor(ends[0]);
    const Descriptor theirs(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, errors_.get(), STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int error = ::posix_spawnp(&child_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) fail_errno("start", words[0], error);
}

LineProcess::~LineProcess() {
    channel_.reset();
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (::waitpid(child_, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > end) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

bool LineProcess::send(std::string_view line) {
    std::string text(line);
    text += '\n';
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(channel_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return true;
}

std::optional<std::string> LineProcess::receive(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::size_t searched = 0;
    while (true) {
        if (const std::size_t at = read_.find('\n', searched); at != std::string::npos) {
            std::string line = read_.substr(0, at);
            read_.erase(0, at + 1);
            return line;
        }
        searched = read_.size();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0 || read_.size() > kLongestLine) return std::nullopt;
        pollfd ready{channel_.get(), POLLIN, 0};
        const int polled = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
        if (polled < 0 && errno != EINTR) return std::nullopt;
        if (polled <= 0) continue;
        char buffer[65536];
        const ssize_t n = ::recv(channel_.get(), buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) return std::nullopt;
        if (n > 0) read_.append(buffer, static_cast<std::size_t>(n));
    }
}

std::string LineProcess::last_words() const {
    const off_t size = ::lseek(errors_.get(), 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kLastWords));
    std::string text(kLastWords, ' ');
    const ssize_t n = ::pread(errors_.get(), text.data(), text.size(), from);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    const std::size_t last = text.find_last_not_of(' ');
    return last == std::string::npos ? "" : text.substr(0, last + 1);
}

}  // namespace nepenthe::io
