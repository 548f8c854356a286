#include "guest/board/processors.hpp"

#include "guest/board/wake.hpp"
#include "guest/kit/console.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/processor.hpp"

#include <atomic>
#include <cstring>

namespace twofold::guest {

namespace {

constexpr Gpa local_apic{0xfee0'0000};
constexpr std::uint64_t stack_pages = 4;

constinit std::atomic<std::uint64_t> awake = 1;
constinit std::atomic<bool> may_add = false;
constinit std::atomic<std::uint64_t> finished = 0;
constinit std::atomic<std::uint64_t> sum = 0;
constinit std::uint64_t additions_each = 0;

void add_own_part() {
    for (std::uint64_t n = 0; n < additions_each; ++n)
        sum.fetch_add(1);
    finished.fetch_add(1);
}

/// A woken processor's whole life.
void run_woken() {
    awake.fetch_add(1);
    while (!may_add.load())
        asm volatile("pause");
    add_own_part();
    halt_for_ever();
}

/// "Interrupt Command Register (ICR)".
class LocalApic {
  public:
    explicit LocalApic(Gva base) : base_(base) {}

    void send(std::uint64_t processor, std::uint32_t command) {
        constexpr std::uint64_t command_low = 0x300;
        constexpr std::uint64_t command_high = 0x310;
        constexpr std::uint32_t send_pending = 1U << 12;
        at(command_high) = static_cast<std::uint32_t>(processor << 24);
        at(command_low) = command;
        while ((at(command_low) & send_pending) != 0)
            asm volatile("pause");
    }

  private:
    std::uint32_t volatile& at(std::uint64_t offset) {
        return *pointer_to<std::uint32_t volatile>(base_ + offset);
    }
    Gva base_;
};

constexpr std::uint32_t init_command = 0x4500;
constexpr std::uint32_t start_up_command = 0x4600 | wake_page;

/// Puts the code where it can be woken, with a stack for one processor.
bool prepare_wake() {
    auto const stack = allocate_pages(stack_pages);
    if (!stack) return false;
    auto* const code = pointer_to<std::byte>(Gpa{wake_address});
    std::memcpy(code, wake_begin, static_cast<std::size_t>(wake_end - wake_begin));
    WakeData const data{.cr3 = live_root().value(),
                        .stack_end = (*stack + stack_pages * page_4k.bytes()).value(),
                        .entry = run_woken};
    std::memcpy(code + (wake_data - wake_begin), &data, sizeof data);
    return true;
}

bool wake(LocalApic& apic, std::uint64_t processor) {
    if (!prepare_wake()) return false;
    apic.send(processor, init_command);
    // A start-up IPI that comes while INIT still works is lost; one that comes later is ignored.
    while (awake.load() <= processor) {
        apic.send(processor, start_up_command);
        for (unsigned polls = 0; polls < 1000 && awake.load() <= processor; ++polls)
            asm volatile("pause");
    }
    print("processor ", processor, " woke\n");
    return true;
}

bool wake_all(std::uint64_t processors) {
    if (processors == 1) return true;
    auto const registers = map_region(local_apic, page_4k.bytes(), page_4k);
    if (!registers) return false;
    LocalApic apic{*registers};
    for (std::uint64_t processor = 1; processor < processors; ++processor)
        if (!wake(apic, processor)) return false;
    return true;
}

} // namespace

std::optional<std::uint64_t> add_by_all(std::uint64_t processors, std::uint64_t additions) {
    additions_each = additions;
    if (!wake_all(processors)) return std::nullopt;
    may_add.store(true);
    add_own_part();
    while (finished.load() < processors)
        asm volatile("pause");
    return sum.load();
}

} // namespace twofold::guest
