// The hypercall that writes to the console, from kernels of a few instructions on this machine's
// own KVM. Without it each counts as skipped.
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <twofold/abi/hypercall.hpp>

#include <array>
#include <bit>

namespace console_call_test {

using namespace twofold::test;
namespace abi = twofold::abi;

namespace {

constexpr std::uint32_t memory_bytes = 8 << 20;
/// Of the two bytes that the kernel jumps over.
constexpr std::uint32_t text_at = abi::guest_link_address + 2;

/// Runs a kernel that writes `bytes` from `gva` and ends with what came of it: 0, or 255 for an
/// error. At `text_at` are `text`.
CommandResult write_console(std::uint32_t gva, std::uint32_t bytes,
                            std::array<unsigned, 2> text = {'h', 'i'}) {
    auto const from = std::bit_cast<std::array<std::uint8_t, 4>>(gva);
    auto const size = std::bit_cast<std::array<std::uint8_t, 4>>(bytes);
    TemporaryDirectory const directory;
    auto const kernel =
        small_kernel(directory, {
                                    0xeb, 2,       text[0], text[1],          // jmp
                                    0xb8, 7,       0,       0,       0,       // mov eax, 7
                                    0xbf, from[0], from[1], from[2], from[3], // mov edi
                                    0xbe, size[0], size[1], size[2], size[3], // mov esi
                                    0xba, 0xf0,    5,       0,       0,       // mov edx, 0x5f0
                                    0xef,                                     // out dx, eax
                                    0x48, 0x89,    0xc7,                      // mov rdi, rax
                                    0xb8, 1,       0,       0,       0,       // mov eax, 1
                                    0xef,                                     // out dx, eax
                                });
    return run_command(
        {{TWOFOLD_COMMAND, "run", kernel, "--engine", "kvm", "--memory", "8M", "--quiet"}});
}

} // namespace

TEST_CASE("a text is written by one call, and what is no text of the guest's is refused") {
    if (without_kvm()) return;
    constexpr int refused = 255;
    auto const whole = write_console(text_at, 2);
    CHECK(whole.out == "hi");
    CHECK(whole.status == 0);
    // What stands behind the kernel's page reads as zeros, which the console shows as ^@.
    auto const longest = write_console(text_at, abi::most_console_bytes);
    CHECK(longest.out.size() > abi::most_console_bytes);
    CHECK(longest.status == 0);
    auto const escape = write_console(text_at, 2, {0x1b, 'c'});
    CHECK(escape.out.find('\x1b') == std::string::npos);
    CHECK(escape.status == 0);

    for (auto const& [gva, bytes] : std::initializer_list<std::pair<std::uint32_t, std::uint32_t>>{
             {text_at, 0},
             {text_at, abi::most_console_bytes + 1},
             {text_at, ~std::uint32_t{0}},
             {memory_bytes - 1, 2},
             {~std::uint32_t{0} - 1, 2}}) {
        CAPTURE(gva, bytes);
        auto const result = write_console(gva, bytes);
        CHECK(result.out.empty());
        CHECK(result.status == refused);
    }
}

} // namespace console_call_test
