// Loads the same bytes by every boot protocol, and says what a loader did that none may do. For the
// tests of corrupted files and for the fuzzers.
#pragma once

#include "support/flat_guest_memory.hpp"

#include <twofold/load/boot_protocol.hpp>
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>
#include <twofold/load/load_linux.hpp>
#include <twofold/load/load_multiboot.hpp>
#include <twofold/load/load_pvh.hpp>
#include <twofold/load/load_raw.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace twofold::test {

class AnyKernelLoader {
  public:
    /// Room for what a small kernel may ask for above 1 MiB.
    static constexpr std::uint64_t memory_bytes = 320 * 4096;

    /// What must not be, as a sentence; empty when all is well.
    std::string load(std::span<std::byte const> file) {
        loaded_ = 0;
        (void)detect_boot_protocol(file);
        return load_multiboot(file) + load_pvh(file) + load_linux(file) + load_raw(file) +
               load_family(file);
    }
    std::string load_multiboot(std::span<std::byte const> file) {
        return judge("multiboot", twofold::load_multiboot(file, options(), memory_));
    }
    std::string load_pvh(std::span<std::byte const> file) {
        return judge("pvh", twofold::load_pvh(file, options(), memory_));
    }
    std::string load_linux(std::span<std::byte const> file) {
        return judge("linux", twofold::load_linux(file, options(), memory_));
    }
    std::string load_raw(std::span<std::byte const> file) {
        return judge("raw", twofold::load_raw(file, {Gpa{0x7c00}}, options(), memory_));
    }
    std::string load_family(std::span<std::byte const> file) {
        auto const layout = load_guest(file, GuestOptions{.memory_bytes = memory_bytes}, memory_);
        if (memory_.was_left()) return "family: guest memory was left; ";
        if (!layout) return judge_error("family", layout.error().error);
        ++loaded_;
        bool const inside =
            layout->entry.value() < memory_bytes && layout->free_begin.value() <= memory_bytes;
        return inside ? "" : "family: the layout lies outside memory; ";
    }
    /// How many protocols took the last file that `load` was given.
    [[nodiscard]] unsigned loaded() const { return loaded_; }

  private:
    BootOptions options() const {
        return {.memory_bytes = memory_bytes,
                .name = "kernel",
                .arguments = "a=b",
                .modules = std::span{modules_}};
    }
    template <class Loaded>
    std::string judge(std::string const& name, Loaded const& state) {
        if (memory_.was_left()) return name + ": guest memory was left; ";
        if (!state) return judge_error(name, state.error().error);
        ++loaded_;
        bool const inside = state->code.base + state->rip < memory_bytes &&
                            state->rbx < memory_bytes && state->rsi < memory_bytes &&
                            state->gdt.base + state->gdt.limit < memory_bytes;
        return inside ? "" : name + ": the state leads outside memory; ";
    }
    static std::string judge_error(std::string const& name, LoadError const& error) {
        abi::TextBuffer<257> text;
        describe(error, text);
        bool const right = !text.text().empty() && text.text().size() <= 256 &&
                           error.kind != LoadErrorKind::memory_failed;
        return right ? "" : name + ": the error has no words, or blames memory; ";
    }

    std::array<std::byte, 100> module_{};
    std::array<BootModule, 1> modules_{BootModule{module_, "module"}};
    FlatGuestMemory memory_{memory_bytes};
    unsigned loaded_ = 0;
};

} // namespace twofold::test
