// A guest's accesses out of what Bochs prints.
#include "engine/access_trace.hpp"
#include "sim/trace_writer.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace access_trace_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

std::string instruction(std::uint64_t address, std::string_view text) {
    return fmt::format("(0).[5089951] [0x000000148036] 0008:{:016x} (unk. ctxt): {} ; 90", address,
                       text);
}
std::string data(char const* kind, std::uint64_t address) {
    return fmt::format("[CPU0 {}]: LIN {:#018x} PHY 0x000000037b90 (len=8, WB): 0x00000000 0x1",
                       kind, address);
}
constexpr std::string_view vmcs =
    "[CPU0 WR]: PHY 0x000005f41510 (len=8, INVALID): 0x00000000 0x0041DFF8\t; VMCS";
constexpr std::string_view table =
    "[CPU0 RD]: PHY 0x000000143000 (len=8, WB): 0x00000000 0x00147107\t; EPT PML4E";

std::vector<TraceAccess> filtered(std::vector<std::string> const& lines) {
    std::vector<TraceAccess> all;
    GuestAccessFilter filter{[&](TraceAccess const& access) { all.push_back(access); }};
    for (auto const& line : lines)
        filter.add_line(line);
    return all;
}

constexpr TraceAccess fetch(std::uint64_t gva) { return {Gva{gva}, Access::execute}; }
constexpr TraceAccess read(std::uint64_t gva) { return {Gva{gva}, Access::read}; }
constexpr TraceAccess write(std::uint64_t gva) { return {Gva{gva}, Access::write}; }

} // namespace

TEST_CASE("fetches, reads and writes of the guest are taken, in their order, once tracing is on") {
    auto const all = filtered({instruction(0x7c00, "nop"), "Tracing enabled for CPU0",
                               std::string{table}, instruction(0x401036, "push rbp"),
                               data("WR", 0x41'dff8), instruction(0x401037, "pop rbp"),
                               data("RD", 0xffff'8000'0000'0000), "Next at t=5387878", ""});
    CHECK(all == std::vector{fetch(0x401036), write(0x41'dff8), fetch(0x401037),
                             read(0xffff'8000'0000'0000)});
}

TEST_CASE("what the hypervisor does is left out, and an instruction that goes on counts once") {
    std::vector<std::string> lines{"Tracing enabled for CPU0", instruction(0x401000, "push rbp")};
    auto const exit_and_back = [&](std::string const& entry) {
        lines.insert(lines.end(),
                     {std::string{table}, std::string{vmcs}, instruction(0x101000, "push rax"),
                      data("WR", 0x37b90), std::string{vmcs}, instruction(0x101010, entry),
                      std::string{vmcs}});
    };
    exit_and_back("vmresume");
    // The entry's own fetch ends in one more violation.
    lines.insert(lines.end(), {std::string{vmcs}, instruction(0x101000, "push rax"),
                               data("WR", 0x37b90), instruction(0x101010, "vmresume")});
    lines.insert(lines.end(), {instruction(0x401000, "push rbp"), data("WR", 0x41'dff8)});
    lines.push_back(instruction(0x401001, "cpuid"));
    exit_and_back("vmlaunch");
    // An event is delivered.
    lines.insert(lines.end(), {data("WR", 0x41'dff0), instruction(0x401003, "nop")});
    // A loop of one instruction is one fetch each time.
    lines.push_back(instruction(0x401003, "nop"));
    CHECK(filtered(lines) == std::vector{fetch(0x401000), write(0x41'dff8), fetch(0x401001),
                                         write(0x41'dff0), fetch(0x401003), fetch(0x401003)});
}

TEST_CASE("a written trace is read as it was, in both formats, and appears when it is whole") {
    TemporaryDirectory const directory;
    std::vector const accesses{fetch(0x401036), write(0xffff'8000'0000'0008), read(0)};
    for (auto const format : {TraceFormat::text, TraceFormat::binary}) {
        auto const path = directory.file("trace");
        std::filesystem::remove(path);
        {
            TraceWriter writer{path, format};
            for (auto const& access : accesses)
                writer.add(access);
            CHECK_FALSE(std::filesystem::exists(path));
            writer.finish();
        }
        std::array<TraceAccess, 8> batch;
        auto const count = open_trace(path, std::nullopt)->next(batch);
        CHECK(std::vector(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count)) ==
              accesses);
        { TraceWriter dropped{directory.file("dropped"), format}; }
        CHECK_FALSE(std::filesystem::exists(directory.file("dropped")));
        CHECK_FALSE(std::filesystem::exists(directory.file("dropped.unfinished")));
    }
    CHECK(holds(failure_of([] {
                    TraceWriter{"/nowhere/trace", TraceFormat::text};
                }),
                {"/nowhere/trace", "No such file"}));
}

} // namespace access_trace_test
