// What a command that was interrupted may have left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

namespace twofold::test {

/// Waits, at most 20 s, until `condition` holds.
bool wait_until(auto&& condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
}

inline bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

inline std::set<std::string> files_in(std::filesystem::path const& directory) {
    std::set<std::string> names;
    for (auto const& entry : std::filesystem::recursive_directory_iterator{directory})
        names.insert(entry.path().string());
    return names;
}

} // namespace twofold::test
