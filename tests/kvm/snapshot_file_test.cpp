// Snapshots on disk: what is read is what was written, and anything else is refused.
#include "kvm/snapshot_file.hpp"
#include "system/file.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <twofold/arch/page_size.hpp>

namespace snapshot_file_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

kvm::SnapshotHead head() {
    kvm::SnapshotHead head{};
    head.name = "guest";
    head.memory_bytes = 8 * 4096;
    head.guest_page_shift = 21;
    kvm::ProcessorState state{};
    state.registers.rip = 0x1234;
    state.extended_control.emplace().xcrs[0].value = 7;
    state.local_apic.emplace().regs[0x20] = 9;
    state.msrs = {{.index = 0x10, .reserved = 0, .data = 99}};
    head.processors = {state, {}};
    head.processors[1].run_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
    head.board.unknown = kvm::UnknownIo::warn;
    head.board.pc.emplace(std::uint64_t{16} << 20, 2U);
    head.machine.clock.clock = 123;
    head.machine.chips.emplace().controllers[2].chip_id = 2;
    return head;
}

std::filesystem::path save(TemporaryDirectory const& directory) {
    std::vector<std::byte> memory(8 * 4096);
    memory[5 * 4096] = std::byte{42};
    auto const file = directory.file("s.snap");
    kvm::write_snapshot(file, head(), memory);
    return file;
}

/// Why the file is refused after one of its bytes was replaced.
std::string refusal_with(std::size_t at, char value) {
    TemporaryDirectory const directory;
    auto const file = save(directory);
    std::string bytes = contents_of(file);
    bytes[at] = value;
    directory.write("s.snap", bytes);
    return failure_of([&] { return kvm::SnapshotFile{file}.head().memory_bytes; });
}

} // namespace

TEST_CASE("a snapshot holds the state and the memory, and its file stays as it is") {
    TemporaryDirectory const directory;
    auto const file = save(directory);
    std::string const before = contents_of(file);
    kvm::SnapshotFile const snapshot{file};
    CHECK(snapshot.head().name == "guest");
    CHECK(snapshot.head().guest_page_shift == 21);
    REQUIRE(snapshot.head().processors.size() == 2);
    auto const& state = snapshot.head().processors[0];
    CHECK(state.registers.rip == 0x1234);
    CHECK(state.extended_control->xcrs[0].value == 7);
    CHECK_FALSE(state.vector_state.has_value());
    CHECK(state.local_apic->regs[0x20] == 9);
    CHECK(state.msrs.at(0).data == 99);
    CHECK(snapshot.head().processors[1].run_state.mp_state == KVM_MP_STATE_UNINITIALIZED);
    CHECK(snapshot.head().board.unknown == kvm::UnknownIo::warn);
    CHECK(snapshot.head().machine.clock.clock == 123);
    CHECK(snapshot.head().machine.chips->controllers[2].chip_id == 2);
    auto devices = *snapshot.head().board.pc;
    std::byte byte{0x5f};
    CHECK_FALSE(devices.answer({false, 0x70, 1, 1, &byte}));
    CHECK_FALSE(devices.answer({true, 0x71, 1, 1, &byte}));
    CHECK(byte == std::byte{1}); // processors - 1
    auto ram = snapshot.map_memory();
    CHECK(ram.bytes().size() == 8 * 4096);
    CHECK(ram.bytes()[5 * 4096] == std::byte{42});
    ram.bytes()[5 * 4096] = std::byte{1};
    CHECK(contents_of(file) == before);
}

TEST_CASE("the pages of one start are known at the next, and brought in") {
    TemporaryDirectory const directory;
    kvm::SnapshotFile const snapshot{save(directory)};
    CHECK(snapshot.touched_pages().empty());
    snapshot.record_touched({1, 2, 5, 1000});
    auto const pages = snapshot.touched_pages();
    CHECK(pages == std::vector<std::uint64_t>{1, 2, 5}); // 1000 lies outside
    auto const ram = snapshot.map_memory();
    kvm::prefetch(ram, pages);
    auto const touched = ram.touched_pages();
    for (auto const page : pages)
        CHECK(std::ranges::find(touched, page) != touched.end());
}

TEST_CASE("a torn, foreign, newer or changed file is refused, and what is wrong is said") {
    CHECK(holds(refusal_with(0, 'x'), {"s.snap", "no snapshot of this program's"}));
    CHECK(holds(refusal_with(8, 1), {"version is 1", "knows 4", "save it again"}));
    CHECK(holds(refusal_with(60, 'x'), {"checksum does not match"}));
    CHECK(holds(refusal_with(16, 1), {"first bytes were changed"}));

    TemporaryDirectory const directory;
    auto const file = save(directory);
    std::string const whole = contents_of(file);
    for (std::size_t const length : {std::size_t{0}, std::size_t{39}, whole.size() - 1}) {
        directory.write("s.snap", whole.substr(0, length));
        CHECK(holds(failure_of([&] { return kvm::SnapshotFile{file}.head().memory_bytes; }),
                    {"can't be restored"}));
    }
    directory.write("s.snap", whole + 'x');
    CHECK(holds(failure_of([&] { return kvm::SnapshotFile{file}.head().memory_bytes; }),
                {"cut off or added to"}));
    CHECK(holds(failure_of([] { return kvm::SnapshotFile{"/nowhere"}.head().memory_bytes; }),
                {"can't open /nowhere"}));
}

} // namespace snapshot_file_test
