#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace nepenthe {

namespace {
int log_rank = 0;
}

void init_log(int rank, int ranks, LogLevel level) {
    log_rank = rank;
    auto logger = spdlog::get("nepenthe");
    if (!logger) logger = spdlog::stderr_color_mt("nepenthe");
    logger->set_pattern(ranks > 1 ? fmt::format("[%H:%M:%S] [rank {}] %^%v%$", rank) : "[%H:%M:%S] %^%v%$");
    logger->set_level(level == LogLevel::kDebug ? spdlog::level::debug : spdlog::level::info);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);
}

void log_message(LogLevel level, std::string_view text) {
    if (log_rank != 0 && level < LogLevel::kWarning) return;
    switch (level) {
        case LogLevel::kDebug: spdlog::debug("{}", text); break;
        case LogLevel::kInfo: spdlog::info("{}", text); break;
        case LogLevel::kWarning: spdlog::warn("{}", text); break;
        case LogLevel::kError: spdlog::error("{}", text); break;
    }
}

}  // namespace nepenthe
