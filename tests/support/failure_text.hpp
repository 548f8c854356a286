// What an action says when it fails.
#pragma once

#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

namespace twofold::test {

/// The message of the exception that `action` throws; empty when it throws none.
template <class Action>
std::string failure_of(Action&& action) {
    try {
        (void)action();
        return {};
    } catch (std::exception const& failure) {
        return failure.what();
    }
}

/// Whether `text` holds all of `parts`.
inline bool holds(std::string_view text, std::initializer_list<std::string_view> parts) {
    for (auto const part : parts)
        if (text.find(part) == std::string_view::npos) return false;
    return true;
}

} // namespace twofold::test
