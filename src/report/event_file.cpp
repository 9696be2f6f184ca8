#include "report/event_file.h"

#include "base/error.h"
#include "io/output_file.h"
#include "report/record.h"

#include <unistd.h>

#include <chrono>
#include <string>

namespace nepenthe::report {

namespace {

double seconds_since_epoch() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// "events.out.tfevents.<seconds>.<host>.<pid>": the name TensorBoard looks for, new for every run in the folder.
std::string event_file_name() {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    return fmt::format("events.out.tfevents.{:010d}.{}.{}", static_cast<std::int64_t>(seconds_since_epoch()), host,
                       ::getpid());
}

std::filesystem::path create_parents(std::filesystem::path folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        fail(ErrorKind::kInputOutput, "cannot create the folder {}: {}", folder.string(), error.message());
    }
    return folder;
}

}  // namespace

struct EventFile::Impl {
    io::OutputFile file;
};

EventFile::EventFile(const std::filesystem::path& folder)
    : impl_(std::make_unique<Impl>(
          Impl{io::OutputFile(create_parents(folder) / event_file_name(), io::OutputFile::Mode::kAppend)})) {
    impl_->file.write(framed_record(version_event(seconds_since_epoch())));
}

EventFile::~EventFile() = default;

void EventFile::scalar(std::string_view tag, std::int64_t step, double value) {
    // One write a record: a reader that follows the file, or a kill, sees whole records or a torn tail that it drops.
    impl_->file.write(framed_record(scalar_event(seconds_since_epoch(), tag, step, static_cast<float>(value))));
}

}  // namespace nepenthe::report
