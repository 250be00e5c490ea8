// The six operations with what orval wrote: node … URL TOKEN.
import { convertLead, createLeads, deleteLead, disableLeads, getLeads, type Lead, updateLead } from "./client";

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

async function play(url: string, token: string): Promise<void> {
  // It writes paths alone: in a page they are the server's own.
  const send = globalThis.fetch;
  globalThis.fetch = (path, options) => send(`${url}${path}`, options);
  const options = { headers: { Authorization: `Bearer ${token}` } };
  const campaign = "campaign-1";
  await createLeads(campaign, [lead(9876543210), lead("disabled"), lead("deleted")], options);
  const listed = await getLeads(campaign, { page_size: 10 }, options);
  if (listed.status !== 200) throw new Error(`status ${listed.status}`);
  const [first] = listed.data.results;
  console.log(`["${first.lead_id}", "${first.lead_outcome}"]`);
  await updateLead(campaign, { lead_id: 9876543210, product_plan: "Pro" }, options);
  await convertLead(campaign, { lead_id: 9876543210, detail: "PAID" }, options);
  await disableLeads(campaign, [{ lead_id: "disabled" }], options);
  await deleteLead(campaign, { lead_id: "deleted" }, options);
}

play(process.argv[2], process.argv[3]);
