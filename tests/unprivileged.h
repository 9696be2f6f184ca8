#pragma once
// Runs a piece of a test as a user whom file permissions bind. Root is not one, so a child process gives its rights up.

#include "base/error.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <functional>

namespace nepenthe::testing {

// Exit code of a child that ran `work` so: 0, an Error's own, 1 for any other exception, −1 when it was killed.
inline int exit_code_without_rights(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
        if (::syscall(SYS_capset, &header, none.data()) != 0) ::_exit(2);
        try {
            work();
        } catch (const Error& error) {
            ::_exit(error.exit_code());
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace nepenthe::testing
