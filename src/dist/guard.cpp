#include "dist/guard.h"

#include "dist/comm_impl.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <new>
#include <numeric>
#include <vector>

namespace nepenthe::dist {

namespace {

// The stages that this process is in. Process-wide because the watchdog's thread and the frame around main ask for it.
struct Stages {
    std::mutex mutex;
    std::vector<std::string> open;
    std::string failed;  // where the exception that is unwinding came from

    std::string path() const {
        std::string joined;
        for (const std::string& name : open) joined += (joined.empty() ? "" : " > ") + name;
        return joined;
    }
};

Stages& stages() {
    static Stages all;
    return all;
}

// An Error that every rank of a communicator threw alike, so that nobody adds its own rank to it again.
class AgreedError : public Error {
  public:
    using Error::Error;
};

bool is_agreed(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const AgreedError&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::string located(const Comm& comm, std::string_view stage, std::string_view cause) {
    std::string text;
    if (comm.size() > 1) text = fmt::format("rank {}", comm.rank());
    if (!stage.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", stage);
    return text.empty() ? std::string(cause) : fmt::format("{}: {}", text, cause);
}

}  // namespace

Error to_error(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const Error& error) {
        return error;
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::kDoesNotFit, "out of memory; use more ranks on more nodes, or smaller batches");
    } catch (const std::filesystem::filesystem_error& error) {
        return Error(ErrorKind::kInputOutput, error.what());
    } catch (const std::exception& error) {
        return Error(ErrorKind::kInternal, error.what());
    } catch (...) {
        return Error(ErrorKind::kInternal, "an exception of unknown type");
    }
}

void agree(const Comm& comm, std::string_view stage, std::exception_ptr mine) {
    const int kind = mine ? to_error(mine).exit_code() : 0;
    const ActivityScope scope(comm, fmt::format("agreement on {}", stage));
    std::vector<int> kinds(static_cast<std::size_t>(comm.size()));
    check_mpi(MPI_Allgather(&kind, 1, MPI_INT, kinds.data(), 1, MPI_INT, comm.impl().handle), "MPI_Allgather");
    const auto failed = std::find_if(kinds.begin(), kinds.end(), [](int k) { return k != 0; });
    if (failed == kinds.end()) return;

    const auto root = static_cast<int>(failed - kinds.begin());
    std::string message;
    if (comm.rank() == root) {
        const Error error = to_error(mine);
        message = is_agreed(mine) ? error.what() : located(comm, stage, error.what());
    }
    comm.broadcast(message, root);
    throw AgreedError(static_cast<ErrorKind>(*failed), message);
}

void run_agreed(const Comm& comm, std::string_view stage, const std::function<void()>& work) {
    std::exception_ptr mine;
    try {
        work();
    } catch (...) {
        mine = std::current_exception();
    }
    agree(comm, stage, mine);
}

StageScope::StageScope(std::string name) {
    Stages& all = stages();
    const std::lock_guard lock(all.mutex);
    all.open.push_back(std::move(name));
    all.failed.clear();
}

StageScope::~StageScope() {
    Stages& all = stages();
    const std::lock_guard lock(all.mutex);
    if (std::uncaught_exceptions() > 0 && all.failed.empty()) all.failed = all.path();
    all.open.pop_back();
}

std::string StageScope::current() {
    Stages& all = stages();
    const std::lock_guard lock(all.mutex);
    return all.path();
}

std::string error_line(const Comm& comm, const std::exception_ptr& exception) {
    const Error error = to_error(exception);
    std::string text = error.what();
    if (!is_agreed(exception)) {
        const std::lock_guard lock(stages().mutex);
        // A mistake on the command line is every rank's, and so is a stop: the rank says nothing there.
        const bool everywhere =
            error.kind() == ErrorKind::kResume || (error.kind() == ErrorKind::kUsage && stages().failed.empty());
        if (!everywhere) text = located(comm, stages().failed, text);
    }
    if (error.kind() == ErrorKind::kResume) return fmt::format("nepenthe: {}", text);
    return fmt::format("nepenthe: {} error: {}", error_kind_name(error.kind()), text);
}

}  // namespace nepenthe::dist
