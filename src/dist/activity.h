#pragma once
// What a rank is waiting for right now, so that the watchdog can name it. Every blocking collective of this module and
// of store announces itself here.

#include "dist/comm.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace nepenthe::dist {

// One per session; communicators split from the world share it. Safe to read from the watchdog's thread.
class Activity {
  public:
    using Clock = std::chrono::steady_clock;
    struct Record {
        std::string name;
        bool own_work = false;       // this rank computes; nobody else can end it
        std::uint64_t sequence = 0;  // how many were begun before: equal on all ranks while they agree
        Clock::time_point since;
    };

    // Empty while the rank waits for nobody.
    std::optional<Record> current() const;
    // Of the operations that run on a device, the first one that has not ended; timed from when it became the first.
    // Empty while there is none. What has ended is forgotten.
    std::optional<Record> on_device();

  private:
    friend class ActivityScope;
    friend void announce_on_device(const Comm& comm, std::string name, std::function<bool()> ended);
    struct OnDevice {
        std::string name;
        std::uint64_t sequence;
        std::function<bool()> ended;
    };
    void forget_ended();  // with device_mutex_ held

    mutable std::mutex mutex_;
    std::optional<Record> record_;
    std::uint64_t begun_ = 0;

    std::mutex device_mutex_;
    std::deque<OnDevice> on_device_;  // in the order in which they run
    Clock::time_point first_since_;
    std::uint64_t queued_ = 0;
};

// Announces an operation that was queued on a device, where it waits for other ranks while this process goes on.
// `ended` must not block; the watchdog's thread asks it.
void announce_on_device(const Comm& comm, std::string name, std::function<bool()> ended);

enum class ActivityKind { kCollective, kOwnWork };

// Announces `name` until the end of the scope. Nests: the outer one is timed anew afterwards.
class ActivityScope {
  public:
    ActivityScope(const Comm& comm, std::string_view name, ActivityKind kind = ActivityKind::kCollective);
    ~ActivityScope();
    ActivityScope(const ActivityScope&) = delete;
    ActivityScope& operator=(const ActivityScope&) = delete;

    // Something moved: the time starts again.
    void touch();

  private:
    Activity& activity_;
    std::optional<Activity::Record> outer_;
};

}  // namespace nepenthe::dist
