// A stand-in for Bochs: a script that takes the same arguments and writes what it is told to the
// serial ports that its configuration names.
#pragma once

#include "tests/support/command.hpp"
#include "tests/support/elf_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/abi/launch_info.hpp>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace twofold::test {

/// One whole report of a guest that ended with `code`.
inline std::string whole_report(unsigned code) {
    return R"({"record":"boot","processor":"model","memory_bytes":1,"phases":[{"name":"memory map","ticks":5}]}
{"record":"guest_start","guest":0,"name":"g","memory_bytes":67108864,"guest_page":"0x1000","host_page":"0x1000","populate":"lazy","native":false,"ticks_to_entry":77}
{"record":"guest_stop","guest":0,"name":"g","reason":"exit","code":)" +
           std::to_string(code) +
           R"(,"message":"","rip":"0x400000","ticks":1234,"exits":{"cpuid":3},"frames":{"memory":6,"tables":4},"violations":{"read":1,"write":2,"execute":3,"during_walk":1,"ticks":4200,"ticks_min":600,"ticks_max":900}}
{"record":"end","frames_in_use":0}
)";
}

/// An environment in which the command finds this engine, a hypervisor image and a guest `g`.
class FakeBochs {
  public:
    /// `then`: what the script does once it has written everything.
    FakeBochs(std::string_view console, std::string_view report, std::string_view then = "exit 0") {
        directory_.write("console", console);
        directory_.write("report", report);
        directory_.write("hypervisor.img", bare_image());
        directory_.write("g.elf", guest());
        auto const script = directory_.write("bochs", script_text(then));
        std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    }

    [[nodiscard]] std::filesystem::path guest_file() const { return directory_.file("g.elf"); }
    [[nodiscard]] std::filesystem::path const& path() const { return directory_.path(); }

    /// `twofold WORDS...` here.
    [[nodiscard]] Command command(std::vector<std::string> words) const {
        words.insert(words.begin(), TWOFOLD_COMMAND);
        return {.words = std::move(words),
                .environment = {{"TWOFOLD_BOCHS", directory_.file("bochs").string()},
                                {"TWOFOLD_HYPERVISOR", directory_.file("hypervisor.img").string()},
                                {"TWOFOLD_GUESTS", directory_.path().string()}}};
    }

    [[nodiscard]] CommandResult run(std::vector<std::string> words) const {
        return run_command(command(std::move(words)));
    }

  private:
    static std::string bare_image() {
        std::string image(abi::payload_first_sector * abi::sector_bytes + abi::sector_bytes, '\0');
        abi::ImageHeader const header{abi::ImageHeader::expected_magic, 1, 0, 0};
        std::memcpy(image.data() + abi::sector_bytes, &header, sizeof header);
        return image;
    }
    static std::string guest() {
        auto const bytes = ElfFile{{{abi::guest_link_address, bytes_of(16, 0x90), 16}}}.bytes();
        return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    }
    [[nodiscard]] std::string script_text(std::string_view then) const {
        std::string text = R"(#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" = -f ] && configuration=$2
    shift
done
here=$(dirname "$0")
console=$(sed -n 's/^com1:.*dev=//p' "$configuration")
report=$(sed -n 's/^com2:.*dev=//p' "$configuration")
echo "the engine's own words"
cat "$here/console" > "$console"
cat "$here/report" > "$report"
)";
        return text + std::string{then} + '\n';
    }

    TemporaryDirectory directory_;
};

} // namespace twofold::test
