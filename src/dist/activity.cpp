#include "dist/activity.h"

#include "dist/comm_impl.h"

namespace nepenthe::dist {

std::optional<Activity::Record> Activity::current() const {
    const std::lock_guard lock(mutex_);
    return record_;
}

std::optional<Activity::Record> Activity::on_device() {
    const std::lock_guard lock(device_mutex_);
    forget_ended();
    if (on_device_.empty()) return std::nullopt;
    return Record{on_device_.front().name, false, on_device_.front().sequence, first_since_};
}

void Activity::forget_ended() {
    while (!on_device_.empty() && on_device_.front().ended()) {
        on_device_.pop_front();
        first_since_ = Clock::now();
    }
}

void announce_on_device(const Comm& comm, std::string name, std::function<bool()> ended) {
    Activity& activity = *comm.impl().activity;
    const std::lock_guard lock(activity.device_mutex_);
    activity.forget_ended();
    if (activity.on_device_.empty()) activity.first_since_ = Activity::Clock::now();
    activity.on_device_.push_back({std::move(name), activity.queued_++, std::move(ended)});
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
