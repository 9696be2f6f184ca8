#pragma once
// What a rank is waiting for right now, so that the watchdog can name it. Every blocking collective of this module and
// of store announces itself here.

#include "dist/comm.h"

#include <chrono>
#include <cstdint>
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

  private:
    friend class ActivityScope;
    mutable std::mutex mutex_;
    std::optional<Record> record_;
    std::uint64_t begun_ = 0;
};

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
