#pragma once
// What a test expects of an error.

#include "base/error.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace nepenthe::testing {

// Runs `action`, which must throw an Error.
template <typename Action>
Error error_of(Action&& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::kInternal, "");
}

// The message of an Error of `kind`, which `action` must throw.
template <typename Action>
std::string message_of(ErrorKind kind, Action&& action) {
    const Error error = error_of(action);
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
}

inline bool mentions(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline void expect_contains(const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in: " << text;
}

}  // namespace nepenthe::testing
