#include "dist/guard.h"

#include "base/json.h"
#include "dist/agreed_call.h"
#include "dist/comm_impl.h"
#include "dist/error_translator.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
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

// Set once, before there are threads.
ErrorTranslator& translator_for_libraries() {
    static ErrorTranslator translator = nullptr;
    return translator;
}

std::string with_advice(const std::filesystem::filesystem_error& error) {
    const bool full = error.code() == std::errc::no_space_on_device || error.code().value() == EDQUOT;
    return fmt::format("{}{}", error.what(),
                       full ? "; free some space or choose another folder, then start again" : "");
}

// An Error that every rank of a communicator threw alike, so that nobody adds its own rank to it again.
class AgreedError : public Error {
  public:
    using Error::Error;
};

std::string located(const Comm& comm, std::string_view stage, std::string_view cause) {
    std::string text;
    if (comm.size() > 1) text = fmt::format("rank {}", comm.rank());
    if (!stage.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", stage);
    return text.empty() ? std::string(cause) : fmt::format("{}: {}", text, cause);
}

}  // namespace

void set_error_translator(ErrorTranslator translator) { translator_for_libraries() = translator; }

bool is_agreed(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const AgreedError&) {
        return true;
    } catch (...) {
        return false;
    }
}

Error to_error(const std::exception_ptr& exception) {
    if (const ErrorTranslator translate = translator_for_libraries()) {
        if (std::optional<Error> error = translate(exception)) return *error;
    }
    try {
        std::rethrow_exception(exception);
    } catch (const Error& error) {
        return error;
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::kDoesNotFit, "out of memory; use more ranks on more nodes, or smaller batches");
    } catch (const std::filesystem::filesystem_error& error) {
        return Error(ErrorKind::kInputOutput, with_advice(error));
    } catch (const Json::exception& error) {
        return Error(ErrorKind::kData,
                     fmt::format("JSON that was read lacks a field or has one of another type ({})", error.what()));
    } catch (const std::exception& error) {
        return Error(ErrorKind::kInternal, error.what());
    } catch (...) {
        return Error(ErrorKind::kInternal, "an exception of unknown type");
    }
}

namespace {

// Collective. Everyone's exit code, by rank. Where `patience` is given, a rank that failed gets nothing once it is
// over.
std::vector<int> gather_codes(const Comm& comm, int mine, std::optional<std::chrono::seconds> patience) {
    struct Codes {
        int mine;
        std::vector<int> all;
    };
    auto codes = std::make_unique<Codes>(Codes{mine, std::vector<int>(static_cast<std::size_t>(comm.size()))});
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Iallgather(&codes->mine, 1, MPI_INT, codes->all.data(), 1, MPI_INT, comm.impl().handle, &request),
              "MPI_Iallgather");
    if (mine == 0 || !patience) {
        check_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait");
        return codes->all;
    }
    const auto deadline = std::chrono::steady_clock::now() + *patience;
    PollPause pause;
    for (int ended = 0; ended == 0; pause()) {
        check_mpi(MPI_Test(&request, &ended, MPI_STATUS_IGNORE), "MPI_Test");
        if (ended == 0 && std::chrono::steady_clock::now() > deadline) {
            static_cast<void>(codes.release());  // MPI may still write there
            return {};
        }
    }
    return codes->all;
}

std::exception_ptr caught(const std::function<void()>& work) {
    try {
        work();
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
}

// Collective. Throws the first failing rank's error on all.
void settle_codes(const Comm& comm, std::string_view stage, const std::vector<int>& codes,
                  const std::exception_ptr& mine) {
    const auto failed = std::find_if(codes.begin(), codes.end(), [](int code) { return code != 0; });
    if (failed == codes.end()) return;
    const auto root = static_cast<int>(failed - codes.begin());
    std::string message;
    if (comm.rank() == root) {
        const Error error = to_error(mine);
        message = is_agreed(mine) ? error.what() : located(comm, stage, error.what());
    }
    comm.broadcast(message, root);
    throw AgreedError(static_cast<ErrorKind>(*failed), message);
}

}  // namespace

void agree(const Comm& comm, std::string_view stage, std::exception_ptr mine) {
    const ActivityScope scope(comm, fmt::format("agreement on {}", stage));
    settle_codes(comm, stage, gather_codes(comm, mine ? to_error(mine).exit_code() : 0, std::nullopt), mine);
}

void run_agreed(const Comm& comm, std::string_view stage, const std::function<void()>& work) {
    agree(comm, stage, caught(work));
}

void run_agreed_within(const Comm& comm, std::string_view stage, std::chrono::seconds patience,
                       const std::function<void()>& work) {
    const std::exception_ptr mine = caught(work);
    const ActivityScope scope(comm, fmt::format("agreement on {}", stage));
    const std::vector<int> codes = gather_codes(comm, mine ? to_error(mine).exit_code() : 0, patience);
    if (codes.empty()) std::rethrow_exception(mine);
    settle_codes(comm, stage, codes, mine);
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
