// The six operations with what kubb wrote: node … URL TOKEN.
import { convertLead, createLeads, deleteLead, disableLeads, getLeads, type Lead, updateLead } from "./client/index.ts";

declare const process: { argv: string[] };

const lead = (lead_id: number | string): Lead => ({
  lead_id,
  phone_number: "9876543210",
  contact_name: "Asha",
  product_plan: "Lite",
  visits: [{ page: "pricing", seconds: 42 }],
});

// @ts-expect-error: a lead needs its phone_number and its contact_name
export const incomplete: Lead = { lead_id: 1 };

async function play(baseURL: string, token: string): Promise<void> {
  const config = { baseURL, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" } };
  const campaign = "campaign-1";
  await createLeads(campaign, [lead(9876543210), lead("disabled"), lead("deleted")], config);
  const [first] = (await getLeads(campaign, { page_size: 10 }, config)).results;
  console.log(`["${first.lead_id}", "${first.lead_outcome}"]`);
  await updateLead(campaign, { lead_id: 9876543210, product_plan: "Pro" }, config);
  await convertLead(campaign, { lead_id: 9876543210, detail: "PAID" }, config);
  await disableLeads(campaign, [{ lead_id: "disabled" }], config);
  await deleteLead(campaign, { lead_id: "deleted" }, config);
}

play(process.argv[2], process.argv[3]);
