#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace nepenthe {

namespace {

int log_rank = 0;

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug: return spdlog::level::debug;
        case LogLevel::kInfo: return spdlog::level::info;
        case LogLevel::kWarning: return spdlog::level::warn;
        case LogLevel::kError: return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

void init_log(int rank, int ranks, LogLevel level) {
    log_rank = rank;
    auto logger = spdlog::get("nepenthe");
    if (!logger) logger = spdlog::stderr_color_mt("nepenthe");
    logger->set_pattern(ranks > 1 ? fmt::format("[%H:%M:%S] [rank {}] %^%v%$", rank) : "[%H:%M:%S] %^%v%$");
    logger->set_level(spdlog_level(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);
}

void log_message(LogLevel level, std::string_view text) {
    if (log_rank != 0 && level < LogLevel::kWarning) return;
    spdlog::log(spdlog_level(level), "{}", text);
}

}  // namespace nepenthe
