// Commands in the Linux with KVM that scripts/kvm-rig boots.
#pragma once

#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"

#include <map>
#include <sstream>
#include <string>

namespace twofold::test {

/// What a part of the commands wrote, to both streams, and how it ended.
struct Part {
    std::string out;
    int status = -1;
};

/// By their names.
inline std::map<std::string, Part> parts_of(std::string const& text) {
    std::map<std::string, Part> parts;
    std::istringstream lines{text};
    std::string name;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("@begin ")) {
            name = line.substr(7);
        } else if (line.starts_with("@end " + name + " ")) {
            parts[name].status = std::stoi(line.substr(6 + name.size()));
            parts[name].out.pop_back(); // the newline before the mark
            name.clear();
        } else if (!name.empty()) {
            parts[name].out += line + '\n';
        }
    }
    return parts;
}

/// Runs `commands` for busybox's shell in `emulator`, for so many seconds at most; `file`, if any,
/// is found in /guest. Returns what they print.
inline std::string run_in_rig(char const* emulator, std::string const& commands,
                              std::string const& file, unsigned seconds) {
    TemporaryDirectory const directory;
    auto const written = directory.write("commands", commands);
    auto const result = run_command(
        {.words = {TWOFOLD_TREE "/scripts/kvm-rig", emulator, written.string(), TWOFOLD_RIG_BUILD},
         .environment = {{"TWOFOLD_RIG_LIMIT", std::to_string(seconds)},
                         {"TWOFOLD_RIG_FILE", file}}});
    INFO(result.out);
    INFO(result.err);
    REQUIRE(result.status == 0);
    return result.out;
}

/// The same in Bochs, over emulated EPT: each `part NAME COMMAND...` is a part.
inline std::map<std::string, Part> parts_in_rig(std::string const& commands,
                                                std::string const& file = {}) {
    constexpr char const* part =
        "part() { name=$1; shift; echo \"@begin $name\"; \"$@\" 2>&1; status=$?; echo; "
        "echo \"@end $name $status\"; }\n";
    return parts_of(run_in_rig("bochs", part + commands, file, 280));
}

} // namespace twofold::test
