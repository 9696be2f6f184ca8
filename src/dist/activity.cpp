#include "dist/activity.h"

#include "dist/comm_impl.h"

namespace nepenthe::dist {

std::optional<Activity::Record> Activity::current() const {
    const std::lock_guard lock(mutex_);
    return record_;
}

ActivityScope::ActivityScope(const Comm& comm, std::string_view name, ActivityKind kind)
    : activity_(*comm.impl().activity) {
    const std::lock_guard lock(activity_.mutex_);
    outer_ = std::move(activity_.record_);
    activity_.record_ =
        Activity::Record{std::string(name), kind == ActivityKind::kOwnWork, activity_.begun_++, Activity::Clock::now()};
}

ActivityScope::~ActivityScope() {
    const std::lock_guard lock(activity_.mutex_);
    if (outer_) outer_->since = Activity::Clock::now();
    activity_.record_ = std::move(outer_);
}

void ActivityScope::touch() {
    const std::lock_guard lock(activity_.mutex_);
    if (activity_.record_) activity_.record_->since = Activity::Clock::now();
}

}  // namespace nepenthe::dist
